"""Bottleneck training on folders of classes, by the real scripts: from grey PGM photos to a scored submission, whales nowhere."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

import ensemble
import predict
import train
import whichwhale
from whichwhale import predictions
from whichwhale.competition.class_folders import place
from whichwhale.config import ConfigError, load
from whichwhale.identify.bottleneck import Bottleneck, Variants
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier
from whichwhale.nets import Backbone
from whichwhale.passport.store import Store
from whichwhale.predictions import ROLE_TEST, ROLE_VALIDATION
from whichwhale.runs.fit import read_fit
from whichwhale.score import submission

PEOPLE = ["ada", "ben", "cleo", "dan"]
CONFIG = """
dataset: faces
data: {root: faces, test_share: 0.25}
folds: {count: 2}
passports: {view: {width: 24, height: 28, centre: [0, 0], field: [0.24, 0.28], upright: true}}
view: {width: 24, height: 28, centre: [0, 0], field: [0.24, 0.28], upright: true}
backbone: {name: test_resnet, weights: false}
bottleneck: {variants: 3}
head: {dropout: 0}
augment: {photometric: none, geometry: {rotation: 2, zoom: 0.02, shift: 0.01, stretch: 0}}
fit: {epochs: 12, batch_size: 4, lr: 3e-1, validate_every: 3, precision: "no"}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four people with 8 photos each."""
    rng = np.random.default_rng(0)
    for number, person in enumerate(PEOPLE):
        (tmp_path / "input" / "faces" / person).mkdir(parents=True)
        for shot in range(8):
            picture = rng.normal(40 + 60 * number, 8, (28, 24))  # even random features tell how bright a picture is
            path = tmp_path / "input" / "faces" / person / f"{shot}.pgm"
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path)
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "bottleneck.yaml"
    path.write_text(CONFIG)
    return path


def test_from_folders_to_a_scored_submission(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    names = [f"{person}/{shot}.pgm" for person in PEOPLE for shot in range(8)]
    test = [name for name in names if place(name) < 0.25]
    labelled, half = len(names) - len(test), (len(names) - len(test)) // 2
    assert train.main([str(config)]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("features: ")]
    # Fold 0 shows what it trains on in three ways, and what it holds out as it is. Fold 1 and all find much of that.
    held_out = [half + labelled % 2, half]
    assert told[0] in [f"features: 0 read from the cache, {3 * (labelled - n) + n} computed" for n in held_out]
    assert told[2] == f"features: {3 * labelled} read from the cache, 0 computed"
    assert predict.main([str(config)]) == 0
    run = tmp_path / "runs" / "faces" / "bottleneck"

    rows = [json.loads(line) for line in (run / "fold0" / "metrics.jsonl").read_text().splitlines()]
    assert {"log_loss", "top1", "training_log_loss", "training_top1", "loss"} <= set(rows[-1])
    assert rows[-1]["top1"] == 1.0 == rows[-1]["training_top1"] and rows[-1]["log_loss"] < 0.7
    assert "log_loss" not in json.loads((run / "foldall" / "metrics.jsonl").read_text().splitlines()[-1])
    assert set(read_fit(run / "fold0").scores()) == {"log_loss", "top1", "top5"}  # what was fitted is never among them
    assert read_fit(run / "foldall").scores() == {}
    table = predictions.read(run / "fold0" / "predictions.npz")
    assert table.item[table.role == ROLE_TEST].tolist() == [f"{name}#0" for name in test]
    assert (table.role == ROLE_VALIDATION).sum() in held_out and table.class_id.tolist() == PEOPLE
    assert "backbone.net.conv1.0.weight" in load_file(run / "fold0" / "model.safetensors")  # whole, as every other model

    output, blend = tmp_path / "submission.csv", tmp_path / "ensemble.yaml"
    blend.write_text(f"dataset: faces\ndata: {{test_share: 0.25}}\nmembers: [bottleneck]\noutput: {output}\n")
    capsys.readouterr()
    assert ensemble.main([str(blend)]) == 0
    assert f"The {len(test)} test photos, whose answers are known and which no fit has seen: log loss" in capsys.readouterr().out
    answer = submission.read(output)
    assert answer.image == test and answer.class_id == PEOPLE
    assert [PEOPLE[i] for i in answer.p.argmax(1)] == [name.split("/")[0] for name in test]
    identifier = whichwhale.load(tmp_path / "runs" / "faces" / "ensemble")
    photos = [tmp_path / "input" / "faces" / name for name in test]
    np.testing.assert_allclose(identifier.probabilities(photos), answer.p, rtol=1e-3, atol=1e-5)  # without the cache


def test_all_photos_may_train(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Four photos a person in each fold, rotating, and no test photo: scores, but no submission."""
    said = ["data.test_share=0", "fit.epochs=2"]
    assert train.main([str(config), *said]) == 0 and predict.main([str(config), *said]) == 0
    run = tmp_path / "runs" / "faces" / "bottleneck" / "fold1"
    table = predictions.read(run / "predictions.npz")
    for role in range(2):
        per_person = [sum(item.startswith(person) for item in table.item[table.role == role]) for person in PEOPLE]
        assert per_person == [4, 4, 4, 4]
    blend = tmp_path / "ensemble.yaml"
    blend.write_text("dataset: faces\nmembers: [bottleneck]\n")
    capsys.readouterr()
    assert ensemble.main([str(blend), "data.test_share=0", f"output={tmp_path / 'none.csv'}"]) == 0
    told = capsys.readouterr().out
    assert "Out-of-fold scores on 32 photos" in told and "no submission: the data set has no test photos" in told
    assert not (tmp_path / "none.csv").exists()


def test_another_head_reads_only_the_cache(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["fold=0", "fit.epochs=1"]
    assert train.main([str(config), *said]) == 0 and predict.main([str(config), *said]) == 0
    capsys.readouterr()
    monkeypatch.setattr(Backbone, "forward", lambda *_: pytest.fail("the backbone was asked"))
    said += ["name=cosine", "head.kind=arcface", "head.dims=8"]
    assert train.main([str(config), *said]) == 0 and predict.main([str(config), *said]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("features: ")]
    assert len(told) == 2 and all(line.endswith(" read from the cache, 0 computed") for line in told)


def test_the_backbone_stays_as_it_was_and_a_fit_that_stopped_goes_on(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["fold=0", "fit.epochs=4"]
    assert train.main([str(config), *said]) == 0
    set_epoch = Variants.set_epoch

    def stopping(self: Variants, epoch: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt
        set_epoch(self, epoch)

    monkeypatch.setattr(Variants, "set_epoch", stopping)
    with pytest.raises(KeyboardInterrupt):
        train.main([str(config), *said, "name=stopped"])
    saved = sum(path.stat().st_size for path in (tmp_path / "runs/faces/stopped/fold0/checkpoints").rglob("*.safetensors"))
    monkeypatch.undo()
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    assert train.main([str(config), *said, "name=stopped"]) == 0
    one, two = (load_file(tmp_path / "runs/faces" / name / "fold0/model.safetensors") for name in ("bottleneck", "stopped"))
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor, two[name], err_msg=name)
    assert saved < sum(tensor.nbytes for tensor in one.values()) / 10  # checkpoints hold the head alone
    assert train.main([str(config), "fold=1", "fit.epochs=1", "name=other"]) == 0
    third = load_file(tmp_path / "runs/faces/other/fold1/model.safetensors")
    assert all(np.array_equal(one[name], third[name]) for name in one if name.startswith("backbone."))


def test_variants_take_turns() -> None:
    class Numbered(list):
        """Passport i in way w has the feature 10 w + i."""

    ways = [Numbered((np.float32([10 * way + i]), way == 2) for i in range(5)) for way in range(3)]
    items = Variants(ways, {"whale": np.arange(5)}, seed=3)
    shown = []
    for epoch in range(6):
        items.set_epoch(epoch)
        made = [items(i) for i in range(5)]
        assert [one["whale"] for one in made] == [0, 1, 2, 3, 4]
        assert all(one["mirrored"] == (one["features"][0] >= 20) for one in made)
        shown.append([int(one["features"][0]) for one in made])
    for i in range(5):
        column = [row[i] for row in shown]
        assert sorted(column[:3]) == [i, 10 + i, 20 + i] and column[:3] == column[3:]
    items.set_epoch(0)
    assert [int(items(i + 5)["features"][0]) for i in range(5)] == shown[1]  # a photo's repeat in an epoch is its next variant
    assert len({row - i for i, row in enumerate(shown[0])}) > 1  # not all photos are augmented in the same epoch


@pytest.mark.parametrize("mirrored", ["same", "twin"])
def test_every_photo_shows_whale_and_twin(config: Path, tmp_path: Path, mirrored: str) -> None:
    """Also a whale's only one. Where there are no twins, and in the other variants, mirror images stay as they are drawn."""
    said = load(IdentifyConfig, config, [f"mirrored={mirrored}", "bottleneck.variants=4"])
    images = np.random.default_rng(0).integers(0, 255, (12, 28, 24, 3), dtype=np.uint8)
    store = Store(tmp_path, "a", images, pd.DataFrame(), said.passports.view.matrix())
    torch.manual_seed(0)
    shown = Bottleneck(tmp_path, Identifier(said, 12, 0), said, store).training(np.arange(12), {"whale": np.arange(12)})
    flipped = np.array([[way[photo][1] for photo in range(12)] for way in shown.variants])
    assert not flipped[0].any() and flipped[1].all() == (mirrored == "twin") and flipped[1].any()
    assert all(0 < way.mean() < 1 for way in flipped[2:])
    classes = set()
    for epoch in range(4):
        shown.set_epoch(epoch)
        classes |= {(int(item["whale"]), bool(item["mirrored"])) for item in map(shown, range(12))}
    assert (len(classes) == 24) == (mirrored == "twin")


@pytest.mark.parametrize(("said", "told"), [("backbone.frozen=0.3", "frozen=0.3"), ("backbone.drop_path=0.2", "drop_path=0.2")])
def test_what_means_nothing_is_refused(config: Path, said: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"backbone.{told}: with a bottleneck all of the backbone stands still"):
        load(IdentifyConfig, config, [said])
    assert load(IdentifyConfig, config, ["backbone.frozen=1"]).bottleneck is not None
    assert load(IdentifyConfig, None).bottleneck is None
