"""The localizer benchmark: its rows, its quick form through the real scripts, and what its figures are."""

import contextlib
import importlib
import io
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import localize
import localize_bare
import localize_inner
import localize_measured
import localize_moved
import localize_speed
import localize_table
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from localize_rows import ALIGNER, CLASSIFIER, CONFIGS, LOCALIZER, ROWS, row
from torch import nn

import predict
from tests.left_by_a_fit import put
from whichwhale.annotations import build, read, write
from whichwhale.annotations.table import BOX
from whichwhale.competition import folds
from whichwhale.config import load
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.variants import make_net
from whichwhale.identify.config import IdentifyConfig
from whichwhale.localize import heatmap, levelling
from whichwhale.localize.averaging import Views
from whichwhale.localize.boxes import boxes_of_views, out_of_fold_boxes
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, SecondLookConfig, ViewsConfig
from whichwhale.localize.found import Found
from whichwhale.localize.locating import Fitted, Locator
from whichwhale.localize.locating import load as load_locator
from whichwhale.localize.net import VARIANTS
from whichwhale.localize.tables import FoldViews, write_views
from whichwhale.localize.uncertainty import Doubts
from whichwhale.runs import RunFolder

NAMES = ["bonnet_tip", "blowhole"]
KINDS = {
    "localizer": LocalizerConfig,
    "detector": DetectConfig,
    "whole": LocalizerConfig,
    "aligner": AlignerConfig,
    "classifier": IdentifyConfig,
}


def in_process(log: Path, command: Sequence[str]) -> int:
    if command[1] == "-m":
        return importlib.import_module(f"{command[2]}.__main__").main(list(command[3:]))
    return importlib.import_module(Path(command[1]).stem).main(list(command[2:]))


@pytest.mark.parametrize("tiny", [False, True])
def test_every_row_is_a_config_that_its_room_takes(tiny: bool) -> None:
    assert len({one.name for one in ROWS}) == len(ROWS)
    size = localize.TINY if tiny else localize.Size()
    for one in ROWS:
        config = load(KINDS[one.kind], CONFIGS / f"{one.config}.yaml", localize.overrides(size, "d", one, 0))
        assert config.name == one.name and config.dataset == "d" and config.fold == [0]
        assert config.fit.epochs == (1 if tiny else one.epochs)
        assert not one.fit or (row(one.fit).config == one.config and row(one.fit).kind == one.kind)
        if one.kind == "aligner":
            # One split leaves no out-of-fold boxes, but for those of inner folds.
            assert (config.boxes, config.draw_boxes) == ((localize_inner.NAME, True) if one.inner else ("", False))
    assert [row(name).kind for name in (LOCALIZER, ALIGNER, CLASSIFIER)] == ["localizer", "aligner", "classifier"]


SMALL_NET = {"backbone": {"name": "test_resnet", "weights": False}, "heatmap": {"width": 8}}


def quick(*arguments: str, by=in_process) -> int:
    return localize.main(["--quick", "--jobs", "1", "--photos", "40", "--others", "6", *arguments], by)


def untouched(*_: object) -> int:
    pytest.fail("nothing is to be fitted")


@dataclass(frozen=True)
class Sea:
    """A benchmark of some rows: the folder of input/ and runs/, and what it said."""

    folder: Path
    said: str

    @property
    def where(self) -> localize_measured.Benchmark:
        inputs = self.folder / "input"
        return localize_measured.Benchmark(
            inputs / "localize_quick", inputs / "localize_quick_moved", self.folder / "runs" / "localize_quick"
        )

    def rows(self) -> dict[str, dict]:
        return {one["name"]: one for one in json.loads((self.where.home / "localize.json").read_text())["rows"]}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Sea:
    folder, said = tmp_path_factory.mktemp("localize"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setenv("WHICHWHALE_INPUT", str(folder / "input"))
        patch.setenv("WHICHWHALE_RUNS", str(folder / "runs"))
        assert quick("--only", by=untouched) == 0
        assert "nothing is fitted yet" in said.getvalue()
        assert quick("--only", "edges", "retinanet", "ssdlite", "transformer", "one-view", "boxes-drawn") == 0
    return Sea(folder, said.getvalue())


@pytest.fixture
def sea(fitted: Sea, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sea:
    """Runs of one's own, of the same photos."""
    (tmp_path / "input").symlink_to(fitted.folder / "input")
    shutil.copytree(fitted.folder / "runs", tmp_path / "runs")
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    return Sea(tmp_path, fitted.said)


def test_rows_are_fitted_measured_and_told(sea: Sea, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    kept = sea.rows()
    same_fit = ["two-looks", "one-view", "look-again", "more-views"]
    finding = ["heatmap", "edges", "retinanet", "ssdlite", "transformer", "two-looks", "boxes-drawn", *same_fit[1:]]
    assert list(kept) == [*finding, "classifier"]
    assert {one["photos"] for one in kept.values()} == {kept["heatmap"]["photos"]}
    for name in finding:
        one = kept[name]
        assert 0 <= one["inside"] <= 1 and 0 <= one["iou"] < 1 and one["ms"] > 0
        assert one["error_50"] <= one["error_95"] <= one["error_99"]
        assert one["moved"]["photos"] == 7  # of the other survey, its one test photo among them
        gap = one["log_loss"] - kept["classifier"]["log_loss"]
        assert one["gap"]["mean"] == pytest.approx(gap, abs=1e-9) and one["gap"]["low"] <= gap <= one["gap"]["high"]
        assert f"| {row(name).title} |" in sea.said
    assert kept["heatmap"]["iou"] == kept["two-looks"]["iou"]  # the boxes are the same localizer's
    assert {name for name in finding if "own" in kept[name]} == {"heatmap"}  # the others find no points
    assert all(kept[name]["minutes"] > 0 for name in ("retinanet", "ssdlite", "transformer"))
    assert "Another width, colour and head size" in sea.said
    theirs = sea.folder / "theirs.csv"
    truth = read(sea.where.photos / "annotations.csv")
    write(theirs, truth[truth["Image"] != sea.where.held_out()[0]])
    assert quick("--only", "--boxes", f"theirs={theirs}", by=untouched) == 0
    assert "| boxes of theirs |" in capsys.readouterr().out
    one = sea.rows()["theirs"]
    assert one["iou"] == pytest.approx(1 - 1 / one["photos"])  # the true boxes, but for one photo
    monkeypatch.setattr(localize_measured, "_points", lambda *_: pytest.fail("everything is measured"))
    assert quick("--only", by=untouched) == 0
    assert "| two looks, one view |" in capsys.readouterr().out


def test_inner_boxes_are_of_localizers_that_saw_neither_the_photo_nor_what_is_held_out(sea: Sea) -> None:
    home, within = sea.where.home, sea.where.home.with_name("localize_quick_inner")
    dealt = folds.read(home / "folds.csv").set_index("Image")["fold"]
    table = read(home / localize_inner.NAME / "annotations.csv").set_index("Image")
    assert (table.loc[dealt.index[dealt >= 0], "fold"] == dealt[dealt >= 0]).all()
    for fold in (1, 2, 3, 4):
        learned = set(pd.read_csv(within / LOCALIZER / f"fold{fold - 1}" / "trained_on.csv")["Image"])
        assert learned and not learned & set(dealt.index[(dealt == 0) | (dealt == fold)])
    boxes = boxes_of_views(home / localize_inner.NAME, dealt.reset_index())
    assert set(boxes) == set(dealt.index[dealt >= 0])
    config = load(AlignerConfig, sea.where.run(row("boxes-drawn")) / "config.yaml")
    assert config.boxes == localize_inner.NAME and config.draw_boxes


def test_inner_folds_are_the_others_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    source, home = tmp_path / "input" / "sea", tmp_path / "runs" / "sea"
    (source / "imgs").mkdir(parents=True)
    home.mkdir(parents=True)
    images = [f"{n}.jpg" for n in range(7)]
    pd.DataFrame({"Image": images, "whaleID": "w"}).to_csv(source / "train.csv", index=False)
    (source / "sample_submission.csv").write_text("Image,w\nt.jpg,1\n")
    dealt = pd.DataFrame({"Image": images, "fold": [0, 1, 2, 0, 1, 2, -1], "kind": "closed"})
    folds.write(home / "folds.csv", dealt)
    localize_inner.make("sea", 1)
    localize_inner.make("sea", 1)
    inner = folds.read(tmp_path / "runs" / "sea_inner" / "folds.csv").set_index("Image")["fold"]
    assert inner.to_dict() == {"0.jpg": 0, "2.jpg": 1, "3.jpg": 0, "5.jpg": 1, "6.jpg": -1}
    assert (tmp_path / "input" / "sea_inner" / "imgs").resolve() == (source / "imgs").resolve()
    told = localize_inner.told(["dataset=sea", "data.root=sea", "folds.count=3", "fold=1", "name=a", "fit.epochs=1"], "sea")
    assert told == [
        "dataset=sea_inner", "data.root=sea_inner", "truth.folder=sea", "folds.count=2", "name=a", "fit.epochs=1"
    ]  # fmt: skip

    def views(run: Path, x: float, images: list[str]) -> None:
        run.mkdir(parents=True)
        found = Views(np.full((len(images), 1, 1, 2), x), np.ones((len(images), 1, 1)), np.full((len(images), 1, 2), 4.0), None)
        write_views(run / "views.npz", FoldViews(images, found, "x"))

    def table(path: Path, *rows: tuple[str, int]) -> None:
        box = {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}
        write(path, build([{"Image": image, "fold": fold, **box} for image, fold in rows], NAMES))

    within = tmp_path / "runs" / "sea_inner" / "l"
    views(within / "fold0", 10.0, ["0.jpg", "3.jpg", "6.jpg"])
    views(within / "fold1", 20.0, ["2.jpg", "5.jpg", "6.jpg"])
    views(home / "l" / "fold1", 30.0, ["1.jpg", "4.jpg", "t.jpg"])
    table(within / "annotations.csv", *((image, inner[image]) for image in images if inner.get(image, -1) >= 0),
          ("6.jpg", -2), ("t.jpg", -2))  # fmt: skip
    table(home / "l" / "fold1" / "annotations.csv", ("1.jpg", 1), ("4.jpg", 1), ("t.jpg", 1))
    assert localize_inner.assemble("sea", 1, "l") == home / "inner-boxes"
    found = out_of_fold_boxes(
        home / "inner-boxes" / "annotations.csv", dealt, [*images, "t.jpg"]
    )  # refuses what is not out-of-fold
    assert set(found) == {*images, "t.jpg"}
    boxes = boxes_of_views(home / "inner-boxes", dealt)
    assert {image: box[0, 0] + 2 for image, box in boxes.items()} == {
        "0.jpg": 10, "3.jpg": 10, "1.jpg": 30, "4.jpg": 30, "2.jpg": 20, "5.jpg": 20
    }  # fmt: skip
    folds.write(home / "folds.csv", dealt.assign(fold=[0, 1, 2, 0, 1, -1, 2]), replace=True)
    with pytest.raises(ValueError, match="sea_inner: is made of other photos or another split"):
        localize_inner.make("sea", 1)


def test_a_detector_holds_out_the_same_photos_and_its_boxes_are_those_of_predict(sea: Sea) -> None:
    one, where = row("retinanet"), sea.where
    heatmap, mine = (json.loads((where.run(each) / "provenance.json").read_text()) for each in (row(LOCALIZER), one))
    assert mine["photos"] == heatmap["photos"] and mine["tables"]["pictures"] == heatmap["tables"]["pictures"]
    assert predict.main([str(CONFIGS / f"{one.config}.yaml"), *localize.overrides(localize.TINY, "localize_quick", one, 0)]) == 0
    images = where.held_out()
    candidates = read(where.run(one) / "candidates.csv")
    best = candidates[candidates["item"].str.endswith("#0")].set_index("Image").loc[images]
    assert set(best["status"]) == {"ok"} and set(best["fold"]) == {0}
    paths = {image: where.photos / "imgs" / image for image in images}
    boxes = pd.concat([each.boxes for each in where.locator(one).look(paths)])
    assert list(boxes["Image"]) == images
    np.testing.assert_allclose(boxes[BOX], best[BOX], atol=1e-2)  # px; batches differ, so last digits do
    truth = read(where.photos / "annotations.csv")
    scores = localize_measured.against_boxes(best.reset_index(), truth)
    assert sea.rows()["retinanet"]["iou"] == pytest.approx(scores["iou"], abs=1e-3)


def test_what_saw_other_photos_is_refused(sea: Sea, capsys: pytest.CaptureFixture) -> None:
    learned = sea.where.run(row("retinanet")) / "trained_on.csv"
    lines = learned.read_text().splitlines()
    (sea.where.home / "measured" / "retinanet.json").unlink()
    for content, why in (
        (lines[:-1], f"1 differ, it did not learn from {lines[-1].split(',')[0]}"),
        ([*lines, "w_x.jpg,whale"], "1 differ, it learned from w_x.jpg"),
    ):
        learned.write_text("\n".join(content) + "\n")
        assert quick("--only", by=untouched) == 2
        said = capsys.readouterr().err
        assert "retinanet" in said and why in said and "and fit it again" in said
    learned.unlink()
    assert quick("--only", by=untouched) == 2
    assert "trained_on.csv: is missing, so that nobody knows" in capsys.readouterr().err
    dealt = folds.read(sea.where.home / "folds.csv")
    ours, others = (np.flatnonzero(dealt["fold"] == fold)[0] for fold in (0, 1))
    dealt.loc[[ours, others], "fold"] = [1, 0]
    folds.write(sea.where.home / "folds.csv", dealt, replace=True)
    assert quick("--only", by=untouched) == 2
    assert "heatmap/fold0: was fitted on another split" in capsys.readouterr().err


def test_a_fold_that_was_fitted_by_hand_is_not_asked(tmp_path: Path) -> None:
    """It learned from the photos that are measured here."""
    where = localize_measured.Benchmark(tmp_path, tmp_path, tmp_path / "runs")
    config = AlignerConfig(name="two-looks", dataset="d", size=64, **SMALL_NET)
    for fold in (0, 1):
        put(where.home / "two-looks", config, VARIANTS["heatmap"](config), fold)
    weights = RunFolder(where.home / "two-looks" / "fold0").read_weights()
    for name in ("two-looks", "one-view"):
        fitted = where.fitted(row(name))
        assert len(fitted.nets) == 1 and fitted.source == "d/two-looks/fold0"
        assert all(torch.equal(value, weights[key]) for key, value in fitted.nets[0].state_dict().items())
    assert len(fitted.config.views.rotations) == 1 and not fitted.config.views.mirror


def test_another_survey_is_not_taken_for_the_one_that_was_asked_for(tmp_path: Path) -> None:
    where = localize_measured.Benchmark(tmp_path / "a", tmp_path / "m", tmp_path / "runs", tmp_path / "o")
    size = localize.Size(whales=8, photos=40, width=96, others=6, other_width=144)
    numbers = ((where.photos, (8, 41, 96, 0)), (where.other, (3, 7, 144, 7)))
    for folder, (whales, photos, width, seed) in numbers:
        (folder / "truth").mkdir(parents=True)
        (folder / "imgs").mkdir()
        write(folder / "annotations.csv", build([], NAMES))
        drawn = {"whales": whales, "photos": photos, "width": width, "seed": seed, "test_photos": 1, "wild": False, "code": "x"}
        (folder / "truth" / "survey.json").write_text(json.dumps(drawn))
    never = lambda *_: pytest.fail("both are drawn")  # noqa: E731
    localize.draw(size, "d", where, never, 1)
    with pytest.raises(ValueError, match=r"a: holds another survey \(photos 41, not 31\); ask for that one"):
        localize.draw(replace(size, photos=30), "d", where, never, 1)
    with pytest.raises(ValueError, match=r"o: holds another survey \(width 144, not 96\)"):
        localize.draw(replace(size, other_width=96), "d", where, never, 1)
    key = where.photos / "truth" / "survey.json"
    key.write_text(key.read_text().replace("false", "true"))
    with pytest.raises(ValueError, match=r"\(wild True, not False\)"):
        localize.draw(size, "d", where, never, 1)
    key.unlink()
    with pytest.raises(ValueError, match="a: has no truth/survey.json to say which survey it holds"):
        localize.draw(size, "d", where, never, 1)


def test_figures_are_of_one_truth_and_one_code(tmp_path: Path) -> None:
    where = localize_measured.Benchmark(tmp_path / "a", tmp_path / "m", tmp_path / "runs")
    where.photos.mkdir()
    (where.photos / "annotations.csv").write_text("1")
    for name in ("one-view", LOCALIZER, CLASSIFIER):
        (run := where.run(row(name))).mkdir(parents=True, exist_ok=True)
        (run / "model.safetensors").write_bytes(name.encode())
    before = where.made_by(row("one-view"))
    assert before == where.made_by(row("one-view"))
    assert where.made_by(row("look-again")) != before  # of the same fit
    changes = (
        where.photos / "annotations.csv",
        where.run(row(CLASSIFIER)) / "model.safetensors",
    )
    for path in changes:
        old = path.read_bytes()
        path.write_bytes(b"2")
        assert where.made_by(row("one-view")) != before
        path.write_bytes(old)
    root = tmp_path / "checkout"
    for name in ("localize/heatmap", "catalogue/search"):
        (root / "src" / "whichwhale" / name).parent.mkdir(parents=True)
        (root / "src" / "whichwhale" / f"{name}.py").write_text("1")
    first = localize_measured.code(root)
    (root / "src" / "whichwhale" / "catalogue" / "search.py").write_text("2")
    assert localize_measured.code(root) == first
    (root / "src" / "whichwhale" / "localize" / "heatmap.py").write_text("2")
    assert localize_measured.code(root) != first
    for pattern in localize_measured.CODE:
        assert list(localize_measured.SOURCE.glob(pattern)), pattern


def test_somebody_elses_photos_take_the_place_of_the_moved_survey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "atlantic"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        cv2.imwrite(str(folder / name), np.full((96, 144, 3), 90, np.uint8))
    points = {
        "bonnet_tip_x": 40.0,
        "bonnet_tip_y": 30.0,
        "bonnet_tip_v": 2,
        "blowhole_x": 60.0,
        "blowhole_y": 30.0,
        "blowhole_v": 2,
    }
    box = {"x": 30.0, "y": 10.0, "width": 40.0, "height": 40.0}
    rows = [{"Image": image, **box, **points} for image in ("a.jpg", "b.jpg", "elsewhere.jpg")]  # of c.jpg nothing is known
    write(tmp_path / "truth.csv", build(rows, NAMES))
    where = localize_measured.Benchmark(tmp_path, tmp_path, tmp_path / "runs", elsewhere=(folder, tmp_path / "truth.csv"))
    config = LocalizerConfig(name=LOCALIZER, dataset="d", width=96, height=64, least_score=0, **SMALL_NET)
    aligner = AlignerConfig(name=ALIGNER, dataset="d", size=64, least_score=0, **SMALL_NET)
    for name, one in ((LOCALIZER, config), (ALIGNER, aligner)):
        put(where.home / name, one, VARIANTS["heatmap"](one))
    found = localize_measured.measure_unseen(where, row(LOCALIZER))
    assert found["photos"] == 2 and found["error_50"] >= 0 and 0 <= found["iou"] <= 1 and found["ms"] > 0
    assert (where.home / "unseen" / "heatmap-atlantic.json").exists()
    with monkeypatch.context() as patch:
        patch.setattr(localize_measured, "_points", lambda *_: pytest.fail("all is measured"))
        assert localize_measured.measure_unseen(where, row(LOCALIZER)) == found
        write(tmp_path / "truth.csv", build([rows[0] | {"x": 31.0}, *rows[1:]], NAMES))
        localize_measured.read_unseen.cache_clear()
        with pytest.raises(pytest.fail.Exception):
            localize_measured.measure_unseen(where, row(LOCALIZER))
    assert localize_measured.measure_unseen(where, row(CLASSIFIER)) is None
    mine = {key: value for key, value in found.items() if not key.startswith("rank")}  # which come with a curve
    table = localize_table.as_text([mine | {"title": "t", "kind": "whole", "log_loss": 1.0, "moved": found}], "atlantic")
    assert "2 photos of atlantic:" in table
    assert localize.main(["--only", "--other", str(folder)]) == 2
    assert "say both, or neither" in capsys.readouterr().err
    assert localize.main(["--only", "--other", str(folder / "no"), "--truth", str(tmp_path / "truth.csv")]) == 2
    assert "no: no such folder of photos" in capsys.readouterr().err


def test_a_row_that_fails_is_named_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path))

    def breaks(log: Path, command: Sequence[str]) -> int:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("began\nno memory\n")
        return 3

    where = localize_measured.Benchmark(tmp_path / "a", tmp_path / "b", tmp_path / "runs")
    told = localize.fit(localize.TINY, "d", where, [row("bins")], 1, localize.Commands(1), breaks)
    assert len(told) == 4  # and those that the others are combined with
    assert any(re.search(r"bins: train.py ended with 3; .*bins.txt: no memory", one) for one in told)
    with pytest.raises(ValueError, match="whichwhale.survey failed; .*no memory"):
        localize.draw(localize.TINY, "d", where, breaks, 1)


def test_what_it_cant_do_it_says(capsys: pytest.CaptureFixture) -> None:
    assert localize.main(["--only", "binz"]) == 2
    assert "no row is called 'binz'; --rows lists them" in capsys.readouterr().err
    assert localize.main(["--only", "--boxes", "a=nothing.csv"]) == 2
    assert "--boxes a=nothing.csv: expected NAME=PATH" in capsys.readouterr().err
    assert localize.main(["--scale", "0"]) == 2
    assert "--scale: must be above 0" in capsys.readouterr().err
    assert localize.main(["--rows"]) == 0
    assert "bins.target=hard" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        localize.main(["--help"])
    words = "".join(capsys.readouterr().out.split())  # argparse breaks lines at hyphens too
    assert all(one.name in words for one in ROWS)


def test_boxes_by_hand() -> None:
    def table(*rows: dict) -> object:
        return build(rows, NAMES)

    points = {"bonnet_tip_x": 12, "bonnet_tip_y": 15, "bonnet_tip_v": 2, "blowhole_x": 18, "blowhole_y": 15, "blowhole_v": 2}
    square = {"x": 10, "y": 10, "width": 10, "height": 10}
    truth = table(*({"Image": image, **square, **points} for image in "abc"))
    found = table({"Image": "a", **square}, {"Image": "b", **square, "x": 15}, {"Image": "c", "status": "none"})
    scores = localize_measured.against_boxes(found, truth)
    assert scores["iou"] == pytest.approx((1 + 50 / 150 + 0) / 3)
    assert scores["inside"] == pytest.approx(1 / 3)
    assert scores["out_of_field"] == pytest.approx(1 / 3)  # b's field reaches 9 px from (20, 15), c has none


def test_uncertainty_is_told_on_photos_that_it_was_not_fitted_on() -> None:
    rng, count = np.random.default_rng(0), 400
    scale = np.exp(rng.normal(0, 1, count))
    rows, true = [], []
    for number in range(count):
        off = rng.normal(0, scale[number], (2, 2))
        places = np.array([[0.0, 0.0], [100.0, 0.0]])
        for into, at in ((rows, places + off), (true, places)):
            named = {f"{name}_{axis}": at[k, i] for k, name in enumerate(NAMES) for i, axis in enumerate("xy")}
            into.append({"Image": f"{number:03}", **named, "bonnet_tip_v": 2, "blowhole_v": 2})
    noise = scale[:, None] * np.exp(rng.normal(0, 0.5, (count, 2)))
    doubts = Doubts(noise, np.full((count, 2), np.nan), np.full((count, 2), 0.5), np.full(count, 100.0))
    images = [one["Image"] for one in rows]
    found = localize_measured.uncertainty(doubts, images, build(rows, NAMES), build(true, NAMES))
    assert found["rank"] > 0.7 and found["area_at_best"] < found["area"] < found["curve"][0]["mean_error"]
    nothing = Doubts(noise[rng.permutation(count)], doubts.spread, doubts.score, doubts.d)
    assert abs(localize_measured.uncertainty(nothing, images, build(rows, NAMES), build(true, NAMES))["rank"]) < 0.2


def test_a_missed_head_is_the_least_sure_and_the_worst() -> None:
    """Of 8 photos one has a place that is too poor to count, and in one nobody found anything to look at: both errors are 100 %
    of d, as the percentiles have it, and the surest half has neither."""

    def at(image: str, off: float) -> dict:
        points = {"bonnet_tip_x": 0.0, "bonnet_tip_y": off, "blowhole_x": 100.0, "blowhole_y": off}
        return {"Image": image, "bonnet_tip_v": 2, "blowhole_v": 2, **points}

    offs = [1.0, 2, 3, 4, 5, 6]
    none = [{"Image": image, "status": "none"} for image in ("g", "h")]
    table = build([at(image, off) for image, off in zip("abcdef", offs, strict=True)] + none, NAMES)
    truth = build([at(image, 0.0) for image in "abcdefgh"], NAMES)
    apart = np.repeat(np.array([*offs, 0.1])[:, None], 2, 1)  # of g the views agreed
    doubts = Doubts(apart, np.full((7, 2), np.nan), np.full((7, 2), 0.5), np.full(7, 100.0))
    told = localize_measured.uncertainty(doubts, list("abcdefg"), table, truth)
    curve = {one["coverage"]: one["mean_error"] for one in told["curve"]}
    assert curve[1.0] == pytest.approx((sum(offs) / 100 + 2) / 8)
    assert curve[0.5] == pytest.approx(sum(offs[:4]) / 100 / 4)
    assert told["rank"] == told["rank_of_views"] == pytest.approx(1.0)
    assert told["area"] == pytest.approx(told["area_at_best"])


@given(
    st.tuples(st.integers(60, 400), st.integers(60, 400)),
    st.tuples(st.floats(-0.1, 0.9), st.floats(-0.1, 0.9)),
    st.tuples(st.floats(0.05, 0.9), st.floats(0.05, 0.9)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_part_holds_the_box_and_lies_in_the_photo(whole: tuple, corner: tuple, extent: tuple, where: tuple) -> None:
    box = np.array([*np.multiply(corner, whole), *np.multiply(extent, whole)])
    at, size = localize_moved.part(whole, box, np.array(where))
    for axis in range(2):
        low, high = np.clip([box[axis], box[axis] + box[axis + 2]], 0, whole[axis])
        assert 0 <= at[axis] <= low and high <= at[axis] + size[axis] <= whole[axis]
        assert size[axis] >= min(whole[axis], round(localize_moved.SHARE * whole[axis]))


def test_points_of_a_moved_photo_are_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = np.full((120, 180, 3), 60, np.uint8)
    photo[69:72, 129:132] = 255
    (tmp_path / "from" / "imgs").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "from" / "imgs" / "a.jpg"), photo, [cv2.IMWRITE_JPEG_QUALITY, 100])
    points = {
        "bonnet_tip_x": 130.0,
        "bonnet_tip_y": 70.0,
        "bonnet_tip_v": 2,
        "blowhole_x": 120.0,
        "blowhole_y": 60.0,
        "blowhole_v": 2,
    }
    row_ = {"Image": "a.jpg", "x": 110, "y": 55, "width": 30, "height": 25, "photo_width": 180, "photo_height": 120, **points}
    localize_moved.write(tmp_path / "from" / "annotations.csv", build([row_], NAMES))
    monkeypatch.setattr(localize_moved, "recoloured", lambda cut: cut)
    localize_moved.move(tmp_path / "from", tmp_path / "to", seed=3)
    moved, cut = read(tmp_path / "to" / "annotations.csv").iloc[0], cv2.imread(str(tmp_path / "to" / "imgs" / "a.jpg"))
    assert cut.shape[:2] == (66, 99) == (moved["photo_height"], moved["photo_width"])
    x, y = int(moved["bonnet_tip_x"]), int(moved["bonnet_tip_y"])
    assert np.array_equal(cut[y - 1 : y + 2, x - 1 : x + 2] > 200, np.ones((3, 3, 3), bool))
    assert moved["x"] == moved["bonnet_tip_x"] - 20
    localize_moved.move(tmp_path / "from", tmp_path / "to", seed=3)
    assert read(tmp_path / "to" / "annotations.csv").iloc[0]["x"] == moved["x"]
    localize_moved.write(tmp_path / "from" / "annotations.csv", build([row_ | {"bonnet_tip_x": 131.0}], NAMES))
    localize_moved.move(tmp_path / "from", tmp_path / "to", seed=3)  # it has been drawn anew
    assert read(tmp_path / "to" / "annotations.csv").iloc[0]["bonnet_tip_x"] == moved["bonnet_tip_x"] + 1


class Middle(nn.Module):
    """Finds the middle of every view."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def find(self, images: torch.Tensor) -> Found:
        middle = (torch.tensor([images.shape[-1], images.shape[-2]]) - 1) / 2 + torch.tensor(
            [[0.0, 0.0], [8.0, 0.0], [-8.0, 0.0]]
        )
        points = middle[-self.count :].expand(len(images), self.count, 2)
        extent = torch.full((len(images), 2), 20.0) if self.count == 3 else None
        return Found(points, torch.full((len(images), self.count), 0.5), extent)


def grey(folder: Path) -> dict[str, Path]:
    """Three photos."""
    paths = {f"{n}.jpg": folder / f"{n}.jpg" for n in range(3)}
    for path in paths.values():
        cv2.imwrite(str(path), np.full((96, 144, 3), 90, np.uint8))
    return paths


def test_bare_passes_are_the_networks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No reading of a map, no window that is cut, nothing of what makes points of it is in their time."""
    paths, views = grey(tmp_path), ViewsConfig(rotations=[0], mirror=False)
    second = SecondLookConfig(reduction=2, width=64, height=32, heatmap={"width": 8, "coarsest": 16}, times=2)
    configs = [
        LocalizerConfig(width=96, height=64, views=views, least_score=0, **SMALL_NET),
        AlignerConfig(variant="two_looks", size=64, second=second, views=views, least_score=0, **SMALL_NET),
    ]
    fitted = [Fitted(config, [VARIANTS[config.variant](config).eval()], "a") for config in configs]
    aligner, passes = fitted[1].nets[0], {}
    for one in fitted:
        with localize_bare.recorded(one.nets[0]) as passes[type(one.nets[0]).__name__]:
            list(Locator(fitted[0], fitted[1] if one is fitted[1] else None).look(paths))
    assert [tuple(images.shape) for _, images in passes["HeatmapNet"]] == [(3, 3, 64, 96)]
    # The reduced view, then two windows of the second look.
    assert [tuple(images.shape) for _, images in passes["TwoLooksNet"]] == [(3, 3, 32, 32), (3, 3, 32, 64), (3, 3, 32, 64)]
    assert [call.__self__ for call, _ in passes["TwoLooksNet"]] == [aligner.first, aligner.second, aligner.second]
    assert "forward" not in vars(aligner.first)  # it is as it was
    # What is repeated is what was seen, and nothing but networks.
    with torch.inference_mode():
        call, images = passes["HeatmapNet"][0]
        assert torch.equal(call(images)[0], fitted[0].nets[0](images)[0])
    for module, name in ((heatmap, "decode"), (heatmap, "spread"), (levelling, "sample"), (levelling, "similarity")):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("is no network"))
    recorders = [localize_speed.Recorder(one.nets[0]) for one in fitted]
    localize_speed._forward(list(zip(fitted, recorders, passes.values(), strict=True)))
    unknown = pytest.raises(ValueError, match="Linear: which of its methods is the bare network is not known")
    with unknown, localize_bare.recorded(nn.Linear(2, 2)):
        pass


@pytest.mark.parametrize("variant", ["regression", "bins", "windows", "transformer", "one_net", "edges"])
def test_every_variant_has_bare_passes(variant: str) -> None:
    more = {"one_net": {"one_net": {"reduction": 1, "size": 64, "variant": "heatmap", "heatmap": {"width": 8}}}}
    more["transformer"] = {"transformer": {"whales": 2, "pixels": 32}}
    if variant != "one_net":
        more.setdefault(variant, {})["point_weight"] = 0
    config = LocalizerConfig(variant=variant, width=96, height=64, **SMALL_NET, **more.get(variant, {}))
    net = VARIANTS[variant](config).eval()
    with torch.inference_mode(), localize_bare.recorded(net) as passes:
        net.find(torch.zeros(2, 3, 64, 96))
    assert (len(passes) > 0) == (variant != "edges")  # which has no network
    with torch.inference_mode():
        for call, images in passes:
            call(images)


def test_speed_is_of_the_same_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = grey(tmp_path)
    monkeypatch.setitem(localize_bare.BARE, Middle, "find")
    views = ViewsConfig(rotations=[0, 90], batch_size=2)
    localizer = Fitted(LocalizerConfig(width=96, height=64, views=views), [Middle(3)], "a")
    locator = Locator(localizer, Fitted(AlignerConfig(size=64, views=views), [Middle(2), Middle(2)], "b"))
    recorded = localize_speed._recording(locator.aligner)
    list(Locator(localizer, recorded).look(paths))
    assert [tuple(one.shape) for one in recorded.nets[0].seen] == [(2, 3, 64, 64), (1, 3, 64, 64)] * 4  # two turns, two mirrors
    found = localize_speed.measure(locator, paths, turns=1)
    assert min(vars(found).values()) > 0
    told = localize_speed.Speed(decode=2.0, forward=3.0, find=4.0, whole=10.0)
    assert (told.share, told.share_of_finding) == (0.5, 0.6)
    table = localize_speed.decoders(list(paths.values()))
    assert all(list(by) == [1, 2, 4, 8] for by in table.values())
    # A detector in the localizer's place.
    config = DetectConfig(
        name="parts", backbone=SMALL_NET["backbone"], frozen_norms=False, width=96, height=64,
        pyramid={"strides": [8, 16], "width": 16, "depth": 1},
    )  # fmt: skip
    put(tmp_path / "parts", config, make_net(config, 1))
    found = localize_speed.measure(load_locator(tmp_path / "parts"), paths, turns=1)
    assert min(vars(found).values()) > 0
    assert "| simplejpeg |" in localize_speed.as_text(table)
