"""A fit that starts from another one's weights: what it takes over, and what it refuses."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from whichwhale.config import ConfigError
from whichwhale.files import sha256
from whichwhale.localize.starting import start_of as start
from whichwhale.runs import RunFolder, trained_on
from whichwhale.runs.lineage import backbone_fit, learned_from

TABLES = {"train": "t", "folds": "f"}
HELD_OUT = {("w_1.jpg", "a"), ("w_2.jpg", "b")}


def start_of(named: str, fold: int, tables: dict[str, str]) -> object:
    return start(named, fold, tables, HELD_OUT)


@pytest.fixture
def fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of a small network, as fold 2 of a model left them."""
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path))
    folder = tmp_path / "sea" / "localizer" / "fold2"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    save_file(nn.Linear(3, 2).state_dict(), folder / "model.safetensors")
    (folder / "provenance.json").write_text(json.dumps({"fold": 2, "tables": TABLES}))
    return folder / "model.safetensors"


NAMED = "sea/localizer/fold2/model.safetensors"


def test_all_weights_are_taken(fitted: Path) -> None:
    begin = start_of(NAMED, 0, {"train": "another", "folds": "g"})
    net = nn.Linear(3, 2)
    begin.give(net)
    torch.manual_seed(0)
    assert torch.equal(net.weight, nn.Linear(3, 2).weight)
    assert begin.weights_sha == sha256(fitted) and begin.told == f"localizer/fold2 {sha256(fitted)[:12]}"
    assert start_of(str(fitted), 0, {"train": "another", "folds": "g"}) == begin


def test_another_network_is_refused_by_its_tensors(fitted: Path) -> None:
    begin = start_of(NAMED, 2, TABLES)
    with pytest.raises(ConfigError, match=r"is another network than the config's \(weight differ\)"):
        begin.give(nn.Linear(4, 2))
    with pytest.raises(ConfigError, match="bias differ"):
        begin.give(nn.Linear(3, 2, bias=False))


@pytest.mark.parametrize(("fold", "tables"), [(1, TABLES), (2, TABLES | {"folds": "dealt anew"})])
def test_a_fit_that_may_have_seen_what_is_held_out_is_refused(fitted: Path, fold: int, tables: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=rf"that fit \(2\) may have learned from photos that fold {fold} holds out"):
        start_of(NAMED, fold, tables)
    assert start_of(NAMED, 2, TABLES) is not None


def test_what_a_fit_has_learned_from_goes_with_its_weights(fitted: Path) -> None:
    """Also by way of a fit of another data set in between, whose tables tell nothing."""
    trained_on.write(fitted.parent, {("w_1.jpg", "a"), ("w_9.jpg", "c")})
    elsewhere = {"train": "another", "folds": "g"}
    with pytest.raises(ConfigError, match="has learned from 1 of the 2 photos that fold 0 holds out, as w_1.jpg"):
        start_of(NAMED, 0, elsewhere)
    begin = start(NAMED, 0, elsewhere, {("w_1.jpg", "another"), ("w_2.jpg", "b")})  # another survey's w_1.jpg
    assert learned_from(begin.folder, {("w_3.jpg", "d")}) == {("w_1.jpg", "a"), ("w_9.jpg", "c"), ("w_3.jpg", "d")}
    assert learned_from(None, {("w_3.jpg", "d")}) == {("w_3.jpg", "d")}
    (fitted.parent / trained_on.FILE).unlink()
    assert learned_from(begin.folder, {("w_3.jpg", "d")}) is None


def test_copied_weights_want_the_list_of_what_they_learned_from(fitted: Path, tmp_path: Path) -> None:
    trained_on.write(fitted.parent, {("w_1.jpg", "a"), ("w_9.jpg", "c")})
    RunFolder(fitted.parent).write_weights(nn.Linear(3, 2).state_dict())
    copied, elsewhere = tmp_path / "copy" / "mine.safetensors", {"train": "another", "folds": "g"}
    copied.parent.mkdir()
    copied.write_bytes(fitted.read_bytes())
    with pytest.raises(ConfigError, match=r"start_from=.*mine.safetensors: it says that a trained_on.csv names.*copy the one"):
        start_of(str(copied), 0, elsewhere)
    trained_on.write(copied.parent, {("w_9.jpg", "c")})
    with pytest.raises(ConfigError, match="start_from=.*it has learned from the photos of another trained_on.csv"):
        start_of(str(copied), 0, elsewhere)
    trained_on.write(copied.parent, {("w_1.jpg", "a"), ("w_9.jpg", "c")})
    with pytest.raises(ConfigError, match="has learned from 1 of the 2 photos that fold 0 holds out, as w_1.jpg"):
        start_of(str(copied), 0, elsewhere)
    begin = start(str(copied), 0, elsewhere, {("w_3.jpg", "d")})
    assert learned_from(begin.folder, set()) == {("w_1.jpg", "a"), ("w_9.jpg", "c")}
    linked = tmp_path / "linked.safetensors"
    linked.symlink_to(copied)
    assert start(str(linked), 0, elsewhere, {("w_3.jpg", "d")}).folder == copied.parent


def test_a_backbones_weights_are_a_start_too(fitted: Path, tmp_path: Path) -> None:
    elsewhere = {"train": "another", "folds": "g"}
    for none in ("auto", False, "hub"):
        assert backbone_fit(none, 0, TABLES, HELD_OUT) is None
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(fitted.read_bytes())
    assert backbone_fit(str(foreign), 0, TABLES, HELD_OUT) is None
    assert learned_from(None, HELD_OUT) == HELD_OUT
    with pytest.raises(ConfigError, match=r"backbone.weights=.*that fit \(2\) may have learned"):
        backbone_fit(NAMED, 1, TABLES, HELD_OUT)
    trained_on.write(fitted.parent, {("w_1.jpg", "a"), ("w_9.jpg", "c")})
    with pytest.raises(ConfigError, match="backbone.weights=.*has learned from 1 of the 2 photos"):
        backbone_fit(NAMED, 2, elsewhere, HELD_OUT)
    assert backbone_fit(NAMED, 2, elsewhere, {("w_2.jpg", "b")}) == fitted.parent
    RunFolder(fitted.parent).write_weights(nn.Linear(3, 2).state_dict())
    (fitted.parent / trained_on.FILE).unlink()
    with pytest.raises(ConfigError, match="backbone.weights=.*it says that a trained_on.csv names"):
        backbone_fit(NAMED, 2, elsewhere, HELD_OUT)


def test_a_file_that_is_not_there_is_named(fitted: Path) -> None:
    assert start_of("", 0, TABLES) is None
    with pytest.raises(ConfigError, match="start_from=sea/aligner/fold0/model.safetensors: no .safetensors file"):
        start_of("sea/aligner/fold0/model.safetensors", 0, TABLES)
    with pytest.raises(ConfigError, match="no .safetensors file"):
        start_of(str(fitted.with_name("provenance.json")), 0, TABLES)
