"""A made-up competition with everything that the report reads, written by the rooms' own writers; the blend by ensemble.py."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import ensemble
from whichwhale import predictions
from whichwhale.annotations import table as annotations
from whichwhale.config import load
from whichwhale.passport.given import given_store
from whichwhale.passport.plane import PlaneView
from whichwhale.report.sources import Sources

WHALES = [f"whale_{n}<&>" for n in range(5)]  # names that would break a page that does not escape
TRAIN = {f"w_{n}.jpg": WHALES[n % 5] for n in range(92)}  # whales 0 and 1 have 19 photos, the others 18
TEST = [f"x_{n}.jpg" for n in range(6)]
CONFIG = {"fit": {"epochs": 4, "kicks": [{"epoch": 2.0, "epochs": 1.0, "factor": 2.5}]}, "note": "<script>alert(1)</script>"}
LOSSES = [3.0, 2.0, 2.2, 1.0]


def draw(path: Path, rng: np.random.Generator) -> None:
    """A sea with a dark head in its middle."""
    picture = rng.normal((120, 110, 70), 8, (60, 120, 3)).clip(0, 255).astype(np.uint8)
    cv2.ellipse(picture, (60, 30), (30, 12), 0, 0, 360, (40, 40, 40), -1)
    cv2.imwrite(str(path), picture)


def write_fit(folder: Path, fold: int | str, seed: int, rng: np.random.Generator) -> None:
    """A finished fit that half knows the whales; embeddings point to the whale's own axis, nearer for earlier photos."""
    images = [*TRAIN, *TEST]
    whale = np.array([WHALES.index(TRAIN[image]) if image in TRAIN else n % 5 for n, image in enumerate(images)])
    left_out = [int(image in TRAIN and n % 3 == fold) for n, image in enumerate(images)]
    role = [predictions.ROLE_TEST if image in TEST else left for image, left in zip(images, left_out, strict=True)]
    logits = 2.0 * np.eye(5)[whale] + 1.3 * rng.normal(size=(len(images), 5))
    embedding = np.c_[np.eye(5)[whale], np.arange(len(images)) / 100]
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    table = predictions.Predictions.of([f"{image}#0" for image in images], role, WHALES, logits, embedding)
    predictions.write(folder / "predictions.npz", table)
    write_run(folder, fold, seed, "fitted", LOSSES)


def write_run(folder: Path, fold: int | str, seed: int, state: str, losses: list[float]) -> None:
    """The plain files of a run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"epoch": n + 1, "lr": 1e-3 * (2.5 if n == 2 else 1), "loss": loss, "images_per_second": 33.0, "seconds": 60.0}
        | ({"log_loss": loss / 2, "top1": 0.5} if n % 2 else {})
        | {"peak_memory_mb": 1500.0 + n}
        for n, loss in enumerate(losses)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "status.json").write_text(json.dumps({"state": state}))
    (folder / "config.yaml").write_text(json.dumps(CONFIG))  # JSON is YAML
    photos = {"training": 62, "held out": 30, "whales": 5}
    about = {"fold": fold, "seed": seed, "photos": photos, "commit": "0123456789abcdef", "modified": False}
    (folder / "provenance.json").write_text(json.dumps(about | {"versions": {"torch": "2.14.1"}, "machine": {"cores": 2}}))


def build(root: Path) -> Path:
    """Write input/sea and runs/sea below `root`; returns the ensemble's config. The environment must point there."""
    sea, runs, rng = root / "input" / "sea", root / "runs" / "sea", np.random.default_rng(0)
    (sea / "imgs").mkdir(parents=True)
    (sea / "train.csv").write_text("Image,whaleID\n" + "".join(f"{image},{whale}\n" for image, whale in TRAIN.items()))
    rows = "".join(f"{image}{',0.2' * 5}\n" for image in TEST)
    (sea / "sample_submission.csv").write_text(",".join(["Image", *WHALES]) + "\n" + rows)
    photos = {f"{image}#0": sea / "imgs" / image for image in [*TRAIN, *TEST]}
    for path in photos.values():
        draw(path, rng)
    photos["w_1.jpg#0"].write_bytes(b"not a picture")
    given_store(runs / "passports", photos, PlaneView(width=64, height=64))
    for seed, name in enumerate(("soft", "arc")):
        for fold in (0, 1, 2, "all"):
            write_fit(runs / name / f"fold{fold}", fold, seed, rng)
    write_run(runs / "localizer" / "fold0", 0, 0, "running", LOSSES[:1])
    found = [
        {"Image": f"w_{n}.jpg", "x": 30, "y": 18, "width": 60, "height": 24, "score": 0.9}
        | {"bonnet_tip_x": 88, "bonnet_tip_y": 30, "bonnet_tip_v": 2, "bonnet_tip_sd": float(n)}
        | {"blowhole_x": 38, "blowhole_y": 30, "blowhole_v": 1, "blowhole_sd": 0.5, "photo_width": 120, "photo_height": 60}
        for n in range(12)
    ]
    nothing = {"Image": "w_12.jpg", "status": "none"}
    annotations.write(runs / "localizer" / "annotations.csv", annotations.build([*found, nothing], ["bonnet_tip", "blowhole"]))
    config = root / "ensemble.yaml"
    config.write_text(f"dataset: sea\nmembers: [soft, arc]\noutput: {root / 'sea.csv'}\n")
    assert ensemble.main([str(config)]) == 0
    return config


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the whole made-up data set; tests that change it copy it."""
    root = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHICHWHALE_INPUT", str(root / "input"))
        patch.setenv("WHICHWHALE_RUNS", str(root / "runs"))
        build(root)
    return root


@pytest.fixture
def place(built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The made-up data set, to be read."""
    monkeypatch.setenv("WHICHWHALE_INPUT", str(built / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(built / "runs"))
    return built


@pytest.fixture
def sources(place: Path) -> Sources:
    return Sources(load(ensemble.EnsembleConfig, place / "ensemble.yaml"))
