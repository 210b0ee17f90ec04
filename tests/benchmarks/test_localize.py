"""The localizer benchmark: its rows, its quick form through the real scripts, and what its figures are."""

import importlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import localize
import localize_measured
import localize_moved
import localize_speed
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from localize_rows import ALIGNER, CLASSIFIER, CONFIGS, LOCALIZER, ROWS, row
from torch import nn

from whichwhale.annotations import build, read, write
from whichwhale.config import load
from whichwhale.identify.config import IdentifyConfig
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, ViewsConfig
from whichwhale.localize.found import Found
from whichwhale.localize.locating import Fitted, Locator
from whichwhale.localize.uncertainty import Doubts

NAMES = ["bonnet_tip", "blowhole"]
KINDS = {"localizer": LocalizerConfig, "whole": LocalizerConfig, "aligner": AlignerConfig, "classifier": IdentifyConfig}


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
            assert config.boxes == ""  # one split leaves no out-of-fold boxes
    assert [row(name).kind for name in (LOCALIZER, ALIGNER, CLASSIFIER)] == ["localizer", "aligner", "classifier"]


def test_rows_are_fitted_measured_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))

    def run(*arguments: str, by=in_process) -> int:
        return localize.main(["--quick", "--jobs", "1", "--photos", "40", "--others", "6", *arguments], by)

    assert run("--only", by=lambda *_: pytest.fail("nothing is asked for")) == 0
    assert "nothing is fitted yet" in capsys.readouterr().out
    assert run("--only", "edges", "one-view") == 0
    told = capsys.readouterr().out
    home = tmp_path / "runs" / "localize_quick"
    kept = json.loads((home / "localize.json").read_text())["rows"]
    same_fit = ["two-looks", "one-view", "look-again", "more-views"]
    assert [one["name"] for one in kept] == ["heatmap", "edges", *same_fit, "classifier"]
    by_name = {one["name"]: one for one in kept}
    assert {one["photos"] for one in kept} == {by_name["heatmap"]["photos"]}
    for name in ("heatmap", "edges", *same_fit):
        one = by_name[name]
        assert 0 <= one["inside"] <= 1 and 0 <= one["iou"] < 1 and one["ms"] > 0
        assert one["error_50"] <= one["error_95"] <= one["error_99"]
        assert one["moved"]["photos"] == 7  # of the other survey, its one test photo among them
        gap = one["log_loss"] - by_name["classifier"]["log_loss"]
        assert one["gap"]["mean"] == pytest.approx(gap, abs=1e-9) and one["gap"]["low"] <= gap <= one["gap"]["high"]
    assert by_name["heatmap"]["iou"] == by_name["two-looks"]["iou"]  # the boxes are the same localizer's
    assert "own" in by_name["heatmap"] and "own" not in by_name["edges"]
    assert "| localizer: edge energy, no labels |" in told and "Another width, sea and head size" in told
    theirs = tmp_path / "theirs.csv"
    truth = read(tmp_path / "input" / "localize_quick" / "annotations.csv")
    write(theirs, truth[truth["Image"] != localize_measured.Benchmark(*[tmp_path / "input"] * 2, home).held_out()[0]])
    assert run("--only", "--boxes", f"theirs={theirs}", by=lambda *_: pytest.fail("everything is fitted")) == 0
    assert "| boxes of theirs |" in capsys.readouterr().out
    (one,) = (one for one in json.loads((home / "localize.json").read_text())["rows"] if one["name"] == "theirs")
    assert one["iou"] == pytest.approx(1 - 1 / one["photos"])  # the true boxes, but for one photo
    monkeypatch.setattr(localize_measured, "_points", lambda *_: pytest.fail("everything is measured"))
    assert run("--only", by=lambda *_: pytest.fail("everything is done")) == 0
    assert "| two looks, one view |" in capsys.readouterr().out


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


def test_speed_is_of_the_same_views(tmp_path: Path) -> None:
    paths = {f"{n}.jpg": tmp_path / f"{n}.jpg" for n in range(3)}
    for path in paths.values():
        cv2.imwrite(str(path), np.full((96, 144, 3), 90, np.uint8))
    views = ViewsConfig(rotations=[0, 90], batch_size=2)
    localizer = Fitted(LocalizerConfig(width=96, height=64, views=views), [Middle(3)], "a")
    locator = Locator(localizer, Fitted(AlignerConfig(size=64, views=views), [Middle(2), Middle(2)], "b"))
    recorded = localize_speed._recording(locator.aligner)
    list(Locator(localizer, recorded).look(paths))
    assert [tuple(one.shape) for one in recorded.nets[0].seen] == [(2, 3, 64, 64), (1, 3, 64, 64)] * 4  # two turns, two mirrors
    found = localize_speed.measure(locator, paths, turns=1)
    assert min(found.decode, found.forward, found.whole) > 0
    assert localize_speed.Speed(2.0, 3.0, 10.0).share == 0.5
    table = localize_speed.decoders(list(paths.values()))
    assert all(list(by) == [1, 2, 4, 8] for by in table.values())
    assert "| simplejpeg |" in localize_speed.as_text(table)
