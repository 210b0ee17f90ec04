"""A made-up competition of six whales for ensemble.py: its photos, and models that half know them."""

from pathlib import Path

import numpy as np

from whichwhale import predictions

WHALES = [f"whale_{i:02}" for i in range(6)]
TRAIN = {f"w_{i}.jpg": WHALES[i % 6] for i in range(57)}  # whales 0 to 2 have 10 photos, 3 to 5 have 9
TEST = [f"x_{i}.jpg" for i in range(9)]


def model(folder: Path, seed: int, sharp: float, test: list[str]) -> None:
    """Three folds and foldall of a model that half knows the whales; w_0.jpg always trains. Test photo x_i is whale i % 6."""
    rng = np.random.default_rng(seed)
    for fold in (0, 1, 2, None):
        images = [*TRAIN, *test]
        whale = [WHALES.index(TRAIN[image]) if image in TRAIN else TEST.index(image) % 6 for image in images]
        out = [image in TRAIN and i > 0 and fold is not None and i % 3 == fold for i, image in enumerate(images)]
        role = [predictions.ROLE_TEST if image not in TRAIN else int(left) for image, left in zip(images, out, strict=True)]
        logits = (np.eye(6)[whale] * 1.7 + rng.normal(size=(len(images), 6))) * sharp
        order = rng.permutation(6)  # each file in an order of its own
        table = predictions.Predictions.of(
            [f"{image}#0" for image in images], role, np.array(WHALES)[order], logits[:, order], weights_sha=f"{seed}{fold}"
        )
        predictions.write(folder / f"fold{'all' if fold is None else fold}" / "predictions.npz", table)


def without(model: str, images: list[str]) -> None:
    """Take photos out of all files of a model, as if no head had been found in them."""
    for path in Path(f"runs/sea/{model}").glob("fold*/predictions.npz"):
        table = predictions.read(path)
        left = ~np.isin(table.item, [f"{image}#0" for image in images])
        less = predictions.Predictions.of(
            table.item[left].tolist(), table.role[left], table.class_id, table.logits[left], weights_sha="less"
        )
        predictions.write(path, less)


def with_embedding(model: str) -> None:
    """Give a model's files embeddings of unit length, its logits' directions, so that it has neighbours."""
    for path in Path(f"runs/sea/{model}").glob("fold*/predictions.npz"):
        t = predictions.read(path)
        unit = t.logits / np.linalg.norm(t.logits, axis=1, keepdims=True)
        predictions.write(path, predictions.Predictions.of(t.item, t.role, t.class_id, t.logits, unit, weights_sha="e"))
