"""Going on from fitted weights: what is taken over, what is fresh, and what a fold may never start from."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file, save_file

import predict
import train
from whichwhale import predictions
from whichwhale.config import ConfigError, load
from whichwhale.fit.config import FitConfig
from whichwhale.identify import fitted
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier
from whichwhale.identify.onward import Start
from whichwhale.runs import RunError, RunFolder, trained_on

CONFIG = """
dataset: heads
data: {root: heads}
folds: {count: 2}
passports: {view: {width: 24, height: 24}}
view: {width: 24, height: 24}
backbone: {name: test_resnet, weights: false}
fit: {epochs: 2, batch_size: 4, lr: 1e-3, precision: "no", kicks: [{epoch: 1}]}
"""
ONWARD = ["onward.epochs=1", "onward.lr=1e-9"]  # so small a rate that weights are told by what they started from


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root, rng = tmp_path / "input" / "heads", np.random.default_rng(0)
    (root / "imgs").mkdir(parents=True)
    images = [f"w_{n}.png" for n in range(13)]
    for image in images:
        cv2.imwrite(str(root / "imgs" / image), rng.integers(0, 255, (24, 24, 3), np.uint8))
    whales = [f"whale_{n % 3}" for n in range(12)]
    pd.DataFrame({"Image": images[:12], "whaleID": whales}).to_csv(root / "train.csv", index=False)
    pd.DataFrame({"Image": images[12:]} | dict.fromkeys(sorted(set(whales)), 1 / 3)).to_csv(
        root / "sample_submission.csv", index=False
    )
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG)
    return path


def weights(runs: Path, fit: str) -> dict[str, np.ndarray]:
    return load_file(runs / "heads" / fit / "model.safetensors")


def differ(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """The largest difference of what is learned; running statistics move at any rate."""
    learned = [name for name in one if "num_batches" not in name and "running" not in name]
    return max(float(np.abs(one[name] - other[name]).max()) for name in learned)


def aged(run: Path) -> None:
    """Make a fit one from before there was trained_on.csv, which has fingerprints alone."""
    save_file(load_file(run / "model.safetensors"), run / "model.safetensors")
    (run / trained_on.FILE).unlink()


def test_all_goes_on_from_a_fold_and_claims_nothing_held_out(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = tmp_path / "runs"
    assert train.main([str(config), "fold=[0,1]"]) == 0
    assert train.main([str(config), *ONWARD, "onward.fold=1"]) == 0  # the folds stay as they were fitted without it
    assert capsys.readouterr().out.count("fitted already") == 2
    folds = [weights(runs, f"small/fold{k}") for k in (0, 1)]
    everything = weights(runs, "small/foldall")
    assert differ(everything, folds[1]) < 1e-6 < 1e-3 < differ(everything, folds[0])
    run = RunFolder(runs / "heads" / "small" / "foldall")
    assert run.provenance()["onward"]["from"] == "small/fold1" and run.status()["weights_from"].startswith("small/fold1 ")
    assert run.provenance()["photos"] == {"training": 12, "held out": 0, "whales": 3}
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 1 and rows[0]["lr"] <= 1e-9 and not {"log_loss", "top1"} & rows[0].keys()
    assert predict.main([str(config), *ONWARD, "onward.fold=1"]) == 0
    table = predictions.read(run.predictions)
    assert not (table.role == predictions.ROLE_VALIDATION).any()
    assert train.main([str(config), *ONWARD, "onward.fold=0", "fold=all"]) == 2  # is fitted from another
    assert "onward" in capsys.readouterr().err


def test_a_fold_goes_on_from_its_own_alone(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    runs = tmp_path / "runs"
    assert train.main([str(config)]) == 0
    more = [*ONWARD, "name=more", "onward.model=small"]
    assert train.main([str(config), *more, "fold=[0,1]"]) == 0
    for k in (0, 1):
        mine, own, other = (weights(runs, fit) for fit in (f"more/fold{k}", f"small/fold{k}", f"small/fold{1 - k}"))
        assert differ(mine, own) < 1e-6 < 1e-3 < differ(mine, other)
    assert train.main([str(config), *more, "fold=all", "onward.fold=all"]) == 0
    assert differ(weights(runs, "more/foldall"), weights(runs, "small/foldall")) < 1e-6
    capsys.readouterr()

    for wrong in ("1", "all"):  # those have learned from what fold 0 holds out
        assert train.main([str(config), *more, "name=cheat", "fold=0", f"onward.fold={wrong}"]) == 2
        assert f"onward.fold={wrong}: that fit of small has learned from the photos that fold 0" in capsys.readouterr().err
    (runs / "heads" / "small" / "fold0").rename(tmp_path / "away")
    (runs / "heads" / "small" / "fold1").rename(runs / "heads" / "small" / "fold0")
    assert train.main([str(config), *more, "name=cheat", "fold=0"]) == 2
    assert "was fitted as fold 1, so it may have learned from photos that fold 0 holds out" in capsys.readouterr().err
    assert train.main([str(config), *more, "name=cheat", "fold=1"]) == 2
    assert "is not fitted; fit it first: name=small fold=1" in capsys.readouterr().err
    assert not (runs / "heads" / "cheat").exists()


def test_other_folds_are_no_start(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Folds dealt anew: fold 0 of the old ones has learned from photos that fold 0 of the new ones holds out."""
    assert train.main([str(config), "fold=0", "fit.epochs=1"]) == 0
    (tmp_path / "runs" / "heads" / "folds.csv").unlink()
    assert train.main([str(config), *ONWARD, "folds.seed=7", "name=more", "onward.model=small", "fold=0"]) == 2
    assert "of other folds than" in capsys.readouterr().err


def test_a_backbone_that_saw_what_a_fold_holds_out_is_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert train.main([str(config), "fit.epochs=1"]) == 0
    heads = tmp_path / "runs" / "heads" / "small"
    said = [str(config), "fit.epochs=1", "name=more"]
    for fit in ("fold1", "foldall"):
        assert train.main([*said, "fold=0", f"backbone.weights={heads / fit / 'model.safetensors'}"]) == 2
        assert "has learned from 6 of the 6 photos that fold 0 holds out, as w_" in capsys.readouterr().err
    assert train.main([*said, "fold=0", "backbone.weights=heads/small/fold1/model.safetensors"]) == 2  # in the runs folder
    (tmp_path / "link.safetensors").symlink_to(heads / "fold1" / "model.safetensors")
    assert train.main([*said, "fold=0", f"backbone.weights={tmp_path / 'link.safetensors'}"]) == 2
    assert train.main([*said, "fold=0", f"backbone.weights={heads / 'fold0' / 'model.safetensors'}"]) == 0
    assert train.main([*said, "fold=all", f"backbone.weights={heads / 'fold1' / 'model.safetensors'}"]) == 0
    aged(heads / "fold1")
    assert train.main([*said, "name=old", "fold=0", f"backbone.weights={heads / 'fold1' / 'model.safetensors'}"]) == 2
    assert "that fit (1) may have learned from photos that fold 0 holds out" in capsys.readouterr().err


def test_copied_weights_are_no_start_without_the_list_of_what_they_learned_from(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Or whoever started from the copy would hold out photos that it has seen, and so would whoever started from that fit."""
    said = [str(config), "fit.epochs=1"]
    assert train.main([*said, "fold=1"]) == 0
    fit, copied = tmp_path / "runs" / "heads" / "small" / "fold1", tmp_path / "elsewhere" / "mine.safetensors"
    copied.parent.mkdir()
    shutil.copy(fit / "model.safetensors", copied)
    more = [*said, "name=more", f"backbone.weights={copied}"]
    for fold in ("0", "1", "all"):
        assert train.main([*more, f"fold={fold}"]) == 2
        told = capsys.readouterr().err
        assert f"{copied}: it says that a trained_on.csv names the photos" in told
        assert "is missing; copy the one from its fit's folder beside it too" in told
    (copied.parent / trained_on.FILE).write_text("Image,whaleID\nanother.png,whale_9\n")
    assert train.main([*more, "fold=0"]) == 2
    assert f"{copied}: it has learned from the photos of another trained_on.csv" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "heads" / "more").exists()

    shutil.copy(fit / trained_on.FILE, copied.parent)
    assert train.main([*more, "fold=0"]) == 2
    assert "has learned from 6 of the 6 photos that fold 0 holds out" in capsys.readouterr().err
    assert train.main([*more, "fold=all"]) == 0
    assert trained_on.read(tmp_path / "runs" / "heads" / "more" / "foldall") >= trained_on.read(fit)
    save_file(load_file(copied), copied)  # as an older fit wrote them, or somebody else
    (copied.parent / trained_on.FILE).unlink()
    assert train.main([*more, "name=older", "fold=0"]) == 0


def other_data(tmp_path: Path, name: str, table: str) -> list[str]:
    """A data set of the same crops and another training table; how train.py is told to use it."""
    shutil.copytree(tmp_path / "input" / "heads", tmp_path / "input" / name)
    (tmp_path / "input" / name / "train.csv").write_text(table)
    return [f"dataset={name}", f"data.root={name}"]


@pytest.mark.parametrize("recorded", [True, False])
def test_what_weights_saw_is_remembered_by_way_of_other_data_sets(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture, recorded: bool
) -> None:
    """Fold 1 of the heads, then a fit on other animals from its weights, then fold 0 of the heads from that one's."""
    runs, said = tmp_path / "runs", [str(config), "fit.epochs=1"]
    assert train.main([*said, "fold=1"]) == 0
    animals = (tmp_path / "input" / "heads" / "train.csv").read_text().replace("w_", "a_").replace("whale_", "animal_")
    other = other_data(tmp_path, "animals", animals)
    for path in sorted((tmp_path / "input" / "animals" / "imgs").iterdir()):
        path.rename(path.with_name(path.name.replace("w_", "a_")))
    sample = tmp_path / "input" / "animals" / "sample_submission.csv"
    sample.write_text(sample.read_text().replace("w_", "a_").replace("whale_", "animal_"))
    assert train.main([*said, *other, "name=between", "fold=0", "backbone.weights=heads/small/fold1/model.safetensors"]) == 0
    learned = trained_on.read(runs / "animals" / "between" / "fold0")
    assert {whale.split("_")[0] for _, whale in learned} == {"animal", "whale"} and len(learned) == 12
    if not recorded:
        for path in list(runs.rglob(trained_on.FILE)):
            aged(path.parent)
    last = [*said, "name=last", "backbone.weights=animals/between/fold0/model.safetensors"]
    assert train.main([*last, "fold=0"]) == 2
    assert "learned from" in capsys.readouterr().err and not (runs / "heads" / "last").exists()
    assert train.main([*last, "fold=1"]) == 0  # holds out what neither has seen


def test_the_same_photos_in_another_table_are_the_same_photos(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """A row less in the table makes it another one, but not its photos unseen; another whale of that name is another photo."""
    table = (tmp_path / "input" / "heads" / "train.csv").read_text()
    assert train.main([str(config), "fit.epochs=1", "fold=1"]) == 0
    weights = "backbone.weights=heads/small/fold1/model.safetensors"
    less = other_data(tmp_path, "less", table.replace("w_11.png,whale_2\n", ""))
    assert train.main([str(config), *less, "fit.epochs=1", "fold=all", weights]) == 0
    told = [train.main([str(config), *less, "fit.epochs=1", f"fold={fold}", "name=more", weights]) for fold in (0, 1)]
    assert 2 in told and "photos that fold" in capsys.readouterr().err
    others = other_data(tmp_path, "others", table.replace("whale_", "fin_whale_"))
    sample = tmp_path / "input" / "others" / "sample_submission.csv"
    sample.write_text(sample.read_text().replace("whale_", "fin_whale_"))
    assert train.main([str(config), *others, "fit.epochs=1", "fold=[0,1]", weights]) == 0


def test_a_start_that_saw_what_a_fold_holds_out_is_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Whatever the start's own fold was called: here its backbone's weights are made to come from fold 1."""
    assert train.main([str(config), "fit.epochs=1"]) == 0
    small, more = tmp_path / "runs" / "heads" / "small", [str(config), *ONWARD, "name=more", "onward.model=small"]
    trained_on.write(small / "fold0", trained_on.read(small / "foldall"))
    assert train.main([*more, "fold=0"]) == 2
    assert "it has learned from the photos of another trained_on.csv than" in capsys.readouterr().err
    begin = RunFolder(small / "fold0")
    begin.write_weights(begin.read_weights())
    assert train.main([*more, "fold=0"]) == 2
    assert "small/fold0: has learned from 6 of the 6 photos that fold 0 holds out" in capsys.readouterr().err
    assert train.main([*more, "fold=1"]) == 0
    assert trained_on.read(tmp_path / "runs" / "heads" / "more" / "fold1") == trained_on.read(small / "fold1")


def small(**changes: Any) -> IdentifyConfig:
    said: dict[str, Any] = {"backbone": {"name": "test_resnet", "weights": False}, "head": {"dims": 4}}
    return IdentifyConfig.model_validate(said | changes)


def written(path: Path, config: IdentifyConfig, whales: list[str], seed: int = 0, auxiliary: int = 0) -> Start:
    """A fitted run of random weights, to start from."""
    torch.manual_seed(seed)
    net = Identifier(config, len(whales), auxiliary)
    for value in net.state_dict().values():
        if value.is_floating_point():
            torch.nn.init.normal_(value)
    run = RunFolder.start(path / "small" / "fold0", config, {"fold": 0})
    fitted.write(run, net, whales)
    run.set_status("fitted")
    return Start(run, "sha", FitConfig())


@pytest.mark.parametrize("mirrored", ["same", "twin"])
@pytest.mark.parametrize("kind", ["softmax", "arcface", "subcentre"])
def test_whales_keep_their_weights_by_name_and_new_ones_are_fresh(tmp_path: Path, kind: str, mirrored: str) -> None:
    config = small(mirrored=mirrored, head={"kind": kind, "dims": 4})
    start = written(tmp_path, config, ["b", "c", "d"])
    net = Identifier(config, 4, 0)
    fresh = {name: value.clone() for name, value in net.state_dict().items()}
    start.give(net, ["a", "b", "d", "e"], config.head)
    state, source = net.state_dict(), start.run.read_weights()
    name = "head.linear.weight" if kind == "softmax" else "head.directions"
    twins, each = 1 + net.twins, 3 if kind == "subcentre" else 1
    here, unlearned = (of[name].reshape(twins, 4, each, -1) for of in (state, fresh))
    there = source[name].reshape(twins, 3, each, -1)
    assert torch.equal(here[:, [1, 2]], there[:, [0, 2]]) and torch.equal(here[:, [0, 3]], unlearned[:, [0, 3]])
    if kind == "subcentre":
        assert torch.equal(state["head.margins"], fresh["head.margins"])  # they follow from this fit's photos
    for other in state.keys() - {name, "head.linear.bias", "head.margins"}:
        assert torch.equal(state[other], source[other]), other
    if kind == "softmax":
        assert torch.equal(state["head.linear.bias"][[1, 2]], source["head.linear.bias"][[0, 2]])
        assert (state["head.linear.bias"][[0, 3]] == 0).all()


@pytest.mark.parametrize("neck", [False, True])
@pytest.mark.parametrize("kind", ["triplet", "siamese"])
def test_a_metric_heads_classifier_keeps_its_whales_too(tmp_path: Path, kind: str, neck: bool) -> None:
    config = small(mirrored="twin", head={"kind": kind, "dims": 4, "bn_neck": neck}, sampler={"kind": "pk"})
    start = written(tmp_path, config, ["b", "c"])
    net = Identifier(config, 3, 0)
    name = "head.classifier.weight" if neck else "head.classifier.directions"
    fresh = net.state_dict()[name].clone()
    start.give(net, ["a", "b", "c"], config.head)
    state, source = net.state_dict(), start.run.read_weights()
    assert torch.equal(state[name][[1, 2, 4, 5]], source[name]) and torch.equal(state[name][[0, 3]], fresh[[0, 3]])
    for other in state.keys() - {name}:
        assert torch.equal(state[other], source[other]), other


@pytest.mark.parametrize(
    "other",
    [
        {"backbone": {"name": "test_resnet", "weights": False, "pooling": "gem"}},
        {"head": {"kind": "arcface"}},
        {"mirrored": "twin"},
    ],
    ids=["pooling", "head", "twins"],
)
def test_another_network_is_no_start(tmp_path: Path, other: dict[str, Any]) -> None:
    start = written(tmp_path, small(), ["a", "b"])
    config = small(**other)
    with pytest.raises(RunError, match="is another network than the config's"):
        start.give(Identifier(config, 2, 0), ["a", "b"], config.head)


def test_a_model_does_not_go_on_from_its_own_all() -> None:
    with pytest.raises(ConfigError, match="fold=all of the model itself is what is fitted"):
        load(IdentifyConfig, None, ["onward.fold=all"])
    assert load(IdentifyConfig, None, ["onward.epochs=3"]).onward.fold is None
