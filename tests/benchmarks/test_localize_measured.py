"""The localizer benchmark's figures: whose fits, of which photos, and exact values of each."""

from dataclasses import replace
from pathlib import Path

import cv2
import localize
import localize_measured
import localize_table
import numpy as np
import pytest
import torch
from localize_rows import ALIGNER, CLASSIFIER, LOCALIZER, row

from tests.benchmarks.small_localizer import NAMES, SMALL_NET
from tests.left_by_a_fit import put
from whichwhale.annotations import build, write
from whichwhale.localize.config import AlignerConfig, LocalizerConfig
from whichwhale.localize.net import VARIANTS
from whichwhale.localize.uncertainty import Doubts
from whichwhale.runs import RunFolder


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
    assert replace(where, elsewhere=(tmp_path / "south" / "imgs", tmp_path / "truth.csv")).tag == "-south" and where.fold == 0
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
    exact = Doubts(np.repeat(scale[:, None], 2, 1), doubts.spread, doubts.score, doubts.d)
    told = localize_measured.uncertainty(exact, images, build(rows, NAMES), build(true, NAMES))
    assert told["within"] == pytest.approx(0.95, abs=0.03)  # 800 points: twice the standard error is 0.015
    # What these photos told is given to others whose views lie twice as near for the same error: half of the circle's width.
    surer = Doubts(noise / 2, doubts.spread, doubts.score, doubts.d)
    given = localize_measured.uncertainty(surer, images, build(rows, NAMES), build(true, NAMES), found["maps"])
    assert given["rank"] == pytest.approx(found["rank"], abs=0.02) and given["within"] < found["within"] - 0.1
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
