"""The localizer benchmark: its rows, and its quick form through the real scripts."""

import contextlib
import importlib
import io
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import localize
import localize_inner
import localize_measured
import localize_together
import numpy as np
import pandas as pd
import pytest
from localize_rows import ALIGNER, CLASSIFIER, CONFIGS, LOCALIZER, ROWS, row

import predict
from tests.benchmarks.small_localizer import NAMES
from whichwhale.annotations import build, read, write
from whichwhale.annotations.table import BOX
from whichwhale.competition import folds
from whichwhale.config import load
from whichwhale.detect.config import DetectConfig
from whichwhale.identify.config import IdentifyConfig
from whichwhale.localize.boxes import boxes_of_views
from whichwhale.localize.config import AlignerConfig, LocalizerConfig

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
    finding = ["heatmap", "step-back", "edges", "retinanet", "ssdlite", "transformer", "two-looks", "boxes-drawn", *same_fit[1:]]
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
    assert {name for name in finding if "own" in kept[name]} == {"heatmap", "step-back"}  # the others find no points
    assert all(kept[name]["minutes"] > 0 for name in ("retinanet", "ssdlite", "transformer"))
    assert "Another width, colour and head size" in sea.said
    assert localize_together.main(["--dataset", "localize_quick"]) == 0
    text = capsys.readouterr().out
    told = json.loads((sea.where.home / "together.json").read_text())
    first, before, after, every = told["rows"]
    assert first["log_loss"] == pytest.approx(kept["heatmap"]["log_loss"]) and "| true points |" in text
    assert before["members"] == ["heatmap", "retinanet", "ssdlite"] and after["members"] == ["heatmap", "boxes-drawn"]
    assert every["members"] == [*before["members"], "boxes-drawn"] and every["low"] <= every["difference"] <= every["high"]
    assert localize_together.main(["--dataset", "localize_quick", "--rows", "bins"]) == 2
    assert "bins is not measured yet; python benchmarks/localize.py --only bins" in capsys.readouterr().err
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
    alone, beside = (localize_measured.collect(sea.where, {}, jobs=jobs) for jobs in (1, 2))
    assert alone == beside and [one["name"] for one in alone] == list(kept)


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
