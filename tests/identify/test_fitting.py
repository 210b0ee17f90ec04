"""Training every kind of head: through the real scripts, stopped and resumed, and stopped by the alarm."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

import predict
import train
from whichwhale import predictions
from whichwhale.config import load
from whichwhale.fit.batches import Items, Sampler
from whichwhale.fit.loop import fit, seeded
from whichwhale.identify.alarm import CollapseAlarm
from whichwhale.identify.config import AlarmConfig, IdentifyConfig
from whichwhale.identify.net import Identifier, IdentifyObjective
from whichwhale.identify.training_set import sampler_of

KINDS = {
    "subcentre": "head: {kind: subcentre, dims: 8, margin_steps: 4, dynamic_margin: {a: 0.3}}",
    "triplet": "head: {kind: triplet, dims: 8, bn_neck: true}\nsampler: {kind: pk, whales: 3, photos: 2}",
    "semihard": "head: {kind: triplet, dims: 8, mining: semihard, soft_margin: true}\nsampler: {kind: pk, whales: 3, photos: 2}",
    "siamese": "head: {kind: siamese, dims: 8, margin: 1, margin_steps: 4}\nsampler: {kind: pk, whales: 3, photos: 2}",
}
CONFIG = """
dataset: heads
data: {root: heads}
folds: {count: 2}
passports: {view: {width: 48, height: 48}}
view: {width: 32, height: 32}
backbone: {name: conv3x3, widths: [4, 8], depth: 1, pooling: gem, levels: 2}
augment: {photometric: none, geometry: {mirror: 0}}
fit: {epochs: 2, batch_size: 6, lr: 5e-3, warmup: 0, precision: "no"}
views: {mirror: false}
"""


@pytest.fixture
def heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A competition of aligned heads: 4 whales with 1 to 6 photos and 2 test photos."""
    root = tmp_path / "input" / "heads"
    (root / "imgs").mkdir(parents=True)
    whales = [f"whale_{n}" for n, photos in enumerate([1, 3, 5, 6]) for _ in range(photos)]
    rng = np.random.default_rng(0)
    for n in range(17):
        cv2.imwrite(str(root / "imgs" / f"w_{n}.png"), rng.integers(0, 255, (48, 48, 3), dtype=np.uint8))
    pd.DataFrame({"Image": [f"w_{n}.png" for n in range(15)], "whaleID": whales}).to_csv(root / "train.csv", index=False)
    columns = dict.fromkeys(sorted(set(whales)), 0.25)
    pd.DataFrame({"Image": ["w_15.png", "w_16.png"], **columns}).to_csv(root / "sample_submission.csv", index=False)
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_every_head_is_trained_and_predicts(kind: str, heads: Path, tmp_path: Path) -> None:
    config = tmp_path / f"{kind}.yaml"
    config.write_text(CONFIG + KINDS[kind])
    assert train.main([str(config), "fold=0"]) == 0 and predict.main([str(config), "fold=0"]) == 0
    table = predictions.read(tmp_path / "runs" / "heads" / kind / "fold0" / "predictions.npz")
    assert table.embedding.shape == (17, 8) and np.isfinite(table.logits).all()
    np.testing.assert_allclose(np.linalg.norm(table.embedding, axis=1), 1, rtol=1e-5)


def test_the_alarm_stops_a_training_and_says_what_to_change(
    heads: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for path in (heads / "imgs").iterdir():  # nothing to see: the network must say the same of every photo
        cv2.imwrite(str(path), np.full((48, 48, 3), 90, np.uint8))
    config = tmp_path / "blind.yaml"
    still = "augment: {photometric: none, geometry: {rotation: 0, zoom: 0, stretch: 0, shift: 0, mirror: 0}}\n"
    config.write_text(CONFIG.replace("augment: {photometric: none, geometry: {mirror: 0}}\n", still) + KINDS["triplet"])
    quick = ["fold=0", "alarm.patience=4", "alarm.every=2", "fit.epochs=20"]
    assert train.main([str(config), *quick]) == 2
    told = capsys.readouterr().err
    assert "train.py: blind fold 0: the embedding has collapsed: for 4 steps" in told and "lower fit.lr" in told
    assert train.main([str(config), *quick]) == 2  # the same command does not train on
    assert train.main([str(config), *quick, "name=seen", "alarm.on=false", "fit.epochs=3"]) == 0


def test_a_further_test_photo_leaves_fits_as_they_are(heads: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    config = tmp_path / "model.yaml"
    config.write_text(CONFIG)
    command = [str(config), "fold=0", "fit.epochs=1"]
    run = tmp_path / "runs" / "heads" / "model" / "fold0"
    assert train.main(command) == 0 and predict.main(command) == 0
    weights = run.joinpath("model.safetensors").read_bytes()

    cv2.imwrite(str(heads / "imgs" / "w_17.png"), np.full((48, 48, 3), 7, np.uint8))
    sample = pd.read_csv(heads / "sample_submission.csv")
    pd.concat([sample, sample.tail(1).assign(Image="w_17.png")]).to_csv(heads / "sample_submission.csv", index=False)
    capsys.readouterr()
    assert train.main(command) == 0 and "fitted already" in capsys.readouterr().out
    assert predict.main(command) == 0
    assert "w_17.png#0" in predictions.read(run / "predictions.npz").item
    assert run.joinpath("model.safetensors").read_bytes() == weights

    # Another picture of a test photo is another row of predictions.
    before = predictions.read(run / "predictions.npz")
    cv2.imwrite(str(heads / "imgs" / "w_17.png"), np.random.default_rng(9).integers(0, 255, (48, 48, 3), dtype=np.uint8))
    assert predict.main(command) == 0
    changed = (before.logits != predictions.read(run / "predictions.npz").logits).any(1)
    assert before.item[changed].tolist() == ["w_17.png#0"]
    capsys.readouterr()
    assert predict.main(command) == 0 and "written already" in capsys.readouterr().out

    # A fit from before says which store it read: that holds for this store, and for no other.
    about = json.loads((run / "provenance.json").read_text())
    key = json.loads((tmp_path / "runs" / "heads" / "passports" / "store.json").read_text())["key"]
    about["tables"]["passports"] = key
    (run / "provenance.json").write_text(json.dumps(about))
    predictions.write(run / "predictions.npz", replace(predictions.read(run / "predictions.npz"), pictures=""))
    capsys.readouterr()
    assert train.main(command) == 0 and predict.main(command) == 0
    assert "written already" in capsys.readouterr().out
    cv2.imwrite(str(heads / "imgs" / "w_17.png"), np.full((48, 48, 3), 8, np.uint8))
    capsys.readouterr()
    assert train.main(command) == 2 and "tables.passports differs" in capsys.readouterr().err
    assert predict.main(command) == 2 and "was fitted with other passports" in capsys.readouterr().err


def test_another_picture_of_a_labelled_photo_is_another_fit(
    heads: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config = tmp_path / "model.yaml"
    config.write_text(CONFIG)
    command = [str(config), "fold=0", "fit.epochs=1"]
    assert train.main(command) == 0
    cv2.imwrite(str(heads / "imgs" / "w_3.png"), np.full((48, 48, 3), 7, np.uint8))
    capsys.readouterr()
    assert train.main(command) == 2 and "tables.passports differs" in capsys.readouterr().err
    assert predict.main(command) == 2 and "was fitted with other passports" in capsys.readouterr().err


class Stopped(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_was_stopped_ends_with_the_same_numbers(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG + KINDS[kind])
    config = load(IdentifyConfig, path, ["fit.epochs=3", "fit.checkpoint_minutes=0"])
    whales = np.repeat(np.arange(4), [1, 3, 5, 6])

    def run(folder: Path, stop_after: int = 10**9) -> tuple[dict[str, torch.Tensor], str]:
        with seeded(1):
            net = Identifier(config, 4, 0)
        net.know(torch.from_numpy(np.bincount(whales)))
        objective = IdentifyObjective(net, 0.0, CollapseAlarm(AlarmConfig(), net.head))
        epoch, made = 0, 0

        def set_epoch(number: int) -> None:
            nonlocal epoch
            epoch = number

        def make(number: int) -> dict:
            nonlocal made
            made += 1
            if made > stop_after:
                raise Stopped
            again, item = divmod(number, len(whales))
            image = np.random.default_rng((epoch, item, again)).integers(0, 255, (32, 32, 3), dtype=np.uint8)
            return {"image": image, "whale": np.int64(whales[item])}

        sampler: Sampler = sampler_of(config, whales)
        fit(objective, Items(len(whales), make, 1), sampler, config.fit, folder=folder, seed=7, set_epoch=set_epoch)
        return objective.state_dict(), (folder / "metrics.jsonl").read_text()

    whole, _ = run(tmp_path / "whole")
    for stop in (8, 27):  # within the first and the second epoch
        with pytest.raises(Stopped):
            run(tmp_path / "parts", stop)
    resumed, _ = run(tmp_path / "parts")
    assert resumed.keys() == whole.keys() and "alarm.means" in whole
    for name, tensor in whole.items():
        assert torch.equal(resumed[name], tensor), name
    assert whole["alarm.steps"] == sum(len(sampler_of(config, whales).batches(epoch)) for epoch in range(3))
