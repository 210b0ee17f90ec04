"""Weak labels in a fit, by the real script: photos without a label take part, held-out ones never, a killed fit ends the same."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import train
from whichwhale.config import load
from whichwhale.identify.__main__ import main as door
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads import HEADS, mining
from whichwhale.identify.net import IdentifyObjective, LinkedGroups
from whichwhale.runs import trained_on

CONFIG = """
dataset: lions
data: {root: lions}
folds: {count: 2}
fold: 0
passports: {view: {width: 24, height: 24}}
view: {width: 24, height: 24}
backbone: {name: test_resnet, weights: false}
head: {kind: triplet, dims: 8, margin: 0.4, dropout: 0}
sampler: {kind: pk, photos: 2}
weak: {links: links.csv}
augment: {photometric: none, geometry: {mirror: 0.5}}
fit: {epochs: 2, batch_size: 8, lr: 5e-3, precision: "no"}
"""
ANIMALS = 5  # with a label
TRACKS = 3  # without: photos t{track}_{0, 1, 2}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four labelled photos of each of five animals; test photos on three tracks, which are at two places on one day."""
    root, random = tmp_path / "input" / "lions", np.random.default_rng(0)
    (root / "imgs").mkdir(parents=True)
    labelled = [(f"l{animal}_{k}.png", f"lion_{animal}") for animal in range(ANIMALS) for k in range(4)]
    tracks = [f"t{track}_{k}.png" for track in range(TRACKS) for k in range(3)]
    for name in [*(name for name, _ in labelled), *tracks, "alone.png"]:
        cv2.imwrite(str(root / "imgs" / name), random.integers(0, 255, (24, 24, 3), dtype=np.uint8))
    pd.DataFrame(labelled, columns=["Image", "whaleID"]).to_csv(root / "train.csv", index=False)
    sample = pd.DataFrame({"Image": [*tracks, "alone.png"]} | {f"lion_{animal}": 1 / ANIMALS for animal in range(ANIMALS)})
    sample.to_csv(root / "sample_submission.csv", index=False)
    rows = [(name, f"t{name[1]}", "2024-03-01", "cove" if name[1] == "0" else "reef") for name in tracks]
    pd.DataFrame(rows, columns=["Image", "track", "date", "place"]).to_csv(tmp_path / "seen.csv", index=False)
    assert door(["links", str(tmp_path / "seen.csv"), "--out", str(tmp_path / "input" / "links.csv")]) == 0
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "weak.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> tuple[list[dict], Callable[[set[int]], None]]:
    """What the objective was given, step by step, and a way to have the fit killed at some of the steps."""
    forward, seen, moments = IdentifyObjective.forward, [], set()

    def counted(self: IdentifyObjective, batch: dict) -> dict:
        seen.append({name: batch[name].clone() for name in ("whale", "group", "mirrored")})
        if len(seen) in moments:
            raise KeyboardInterrupt
        return forward(self, batch)

    monkeypatch.setattr(IdentifyObjective, "forward", counted)
    return seen, moments.update


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["head={kind: siamese, dims: 8, margin: 0.8, dropout: 0.1}", "mirrored=twin"],
        ["head.bn_neck=true", "bottleneck={variants: 2}"],
    ],
    ids=["triplet", "siamese with twins", "cached features"],
)
def test_photos_without_a_label_take_part_and_a_killed_fit_ends_the_same(
    config: Path, tmp_path: Path, watched: tuple, changes: list[str], capsys: pytest.CaptureFixture
) -> None:
    seen, kill = watched
    changes = [*changes, "fit.checkpoint_minutes=0"]
    assert train.main([str(config), *changes, "name=whole"]) == 0, capsys.readouterr().err
    run = tmp_path / "runs" / "lions" / "whole" / "fold0"
    photos = json.loads((run / "provenance.json").read_text())["photos"]
    assert photos == {"training": 10, "held out": 10, "whales": 5, "without label": 9}
    whales = torch.cat([one["whale"] for one in seen])
    groups = torch.cat([one["group"] for one in seen])
    assert set(whales.tolist()) == {-1, 0, 1, 2, 3, 4}
    assert len(set(groups.tolist())) == ANIMALS + TRACKS
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite(row["loss"]) for row in metrics)
    assert ("loss_softmax" if "head.bn_neck=true" in changes else "loss_probe") in metrics[0]

    seen.clear()
    kill({2, 5})
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train.main([str(config), *changes, "name=killed"])
    assert train.main([str(config), *changes, "name=killed"]) == 0
    whole, killed = (load_file(tmp_path / "runs/lions" / name / "fold0" / "model.safetensors") for name in ("whole", "killed"))
    for key in whole:
        assert torch.equal(whole[key], killed[key]), key


def test_photos_without_a_label_are_among_those_learned_from(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Once somebody has labelled them, no fold that holds them out starts from weights that saw them."""
    assert train.main([str(config), "fit.epochs=1"]) == 0
    learned = trained_on.read(tmp_path / "runs" / "lions" / "weak" / "fold0")
    unlabelled = {image for image, whale in learned if not whale}
    assert unlabelled == {f"t{track}_{k}.png" for track in range(TRACKS) for k in range(3)}  # alone.png has no link
    assert len(learned) == 10 + 9 and {whale for _, whale in learned} == {"", *(f"lion_{animal}" for animal in range(ANIMALS))}

    root = tmp_path / "input" / "named"
    shutil.copytree(tmp_path / "input" / "lions", root)
    tracks = pd.DataFrame([(f"t{track}_{k}.png", f"lion_{track}") for track in range(2) for k in range(3)])
    tracks.set_axis(["Image", "whaleID"], axis=1).to_csv(root / "train.csv", index=False)
    sample = {"Image": ["alone.png"], "lion_0": [0.5], "lion_1": [0.5]}
    pd.DataFrame(sample).to_csv(root / "sample_submission.csv", index=False)
    softmax = config.with_name("softmax.yaml")
    plain = [line for line in CONFIG.splitlines() if not line.startswith(("head", "sampler", "weak"))]
    softmax.write_text("\n".join(plain))
    named = [str(softmax), "dataset=named", "data.root=named", "fit.epochs=1"]
    weights = "backbone.weights=lions/weak/fold0/model.safetensors"
    assert train.main([*named, weights]) == 2
    assert "has learned from 3 of the 3 photos that fold 0 holds out, as t" in capsys.readouterr().err
    assert train.main([*named, weights, "fold=all"]) == 0
    both = trained_on.read(tmp_path / "runs" / "named" / "softmax" / "foldall")
    assert both == learned | {(f"t{track}_{k}.png", f"lion_{track}") for track in range(2) for k in range(3)}


def test_the_loss_of_the_labels_is_that_of_the_labelled_rows() -> None:
    """Exactly: photos without one change neither it nor its gradient, also where there are twins."""
    for smoothing in (0.0, 0.1):
        torch.manual_seed(0)
        head = HEADS["triplet"](6, 8, HeadConfig(kind="triplet", dims=4, dropout=0.0, smoothing=smoothing))
        features, target = torch.randn(7, 6), torch.tensor([3, -1, 0, 5, -1, 1, 2])
        twin, labelled = (target + 4) % 8, target >= 0
        embedding = head.embed(features)
        mixed = head.more_losses(embedding, target, torch.where(labelled, twin, -1), labelled)["probe"]
        alone = head.more_losses(embedding[labelled], target[labelled], twin[labelled])["probe"]
        torch.testing.assert_close(mixed, alone)
        nobody = head.more_losses(embedding, torch.full((7,), -1), None, torch.zeros(7, dtype=torch.bool))["probe"]
        nobody.backward()
        assert nobody.item() == 0 and all(parameter.grad.isfinite().all() for parameter in head.classifier.parameters())


def test_relations_by_hand() -> None:
    """Groups 0 and 1 have names, 2 and 3 do not; 3 is known not to be 0, 2 is known of nobody."""
    known = LinkedGroups(torch.tensor([5, 6, -1, -1]), torch.tensor([[0, 3]]))
    same, other = known(torch.tensor([0, 0, 1, 2, 3, 3]))
    assert same.nonzero().tolist() == [[0, 1], [1, 0], [4, 5], [5, 4]]
    assert other.int().tolist() == [
        [0, 0, 1, 0, 1, 1],
        [0, 0, 1, 0, 1, 1],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
    ]
    mirrored = torch.tensor([True, False, False, False, False, False])
    same, twins_other = known(torch.tensor([0, 0, 1, 2, 3, 3]), mirrored)
    assert same.nonzero().tolist() == [[4, 5], [5, 4]] and torch.equal(twins_other, other)  # its own twin is neither
    assert not known.state_dict()
    labels_alone = LinkedGroups(torch.tensor([5, 6]), torch.zeros(0, 2, dtype=torch.long))(torch.tensor([0, 0, 1]))
    for ours, theirs in zip(labels_alone, mining.relations(torch.tensor([5, 5, 6])), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("l0_0.png,l1_0.png,must", "are two animals in the training table, but the links make them one"),
        ("l0_0.png,l0_3.png,cannot", "line 2: l0_0.png and l0_3.png are said to show two animals"),
        ("l0_0.png,nowhere.png,must", "line 2: nowhere.png is in neither table"),
    ],
)
def test_links_that_cannot_be_are_refused_before_training(
    config: Path, tmp_path: Path, row: str, message: str, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "input" / "links.csv").write_text(f"first,second,link\n{row}\n")
    assert train.main([str(config)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs" / "lions" / "weak").exists()


def test_heads_that_learn_whales_refuse_links() -> None:
    with pytest.raises(ValueError, match="head.kind=softmax learns whales, and weak.links names none"):
        load(IdentifyConfig, None, ["weak.links=links.csv"])


def test_other_links_are_another_fit(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert train.main([str(config), "fit.epochs=1"]) == 0
    links = tmp_path / "input" / "links.csv"
    links.write_text("\n".join(links.read_text().splitlines()[:-1]) + "\n")
    assert train.main([str(config), "fit.epochs=1"]) == 2
    assert "tables.links differs" in capsys.readouterr().err
