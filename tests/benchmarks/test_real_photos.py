"""From the survey to real photos: the quick form through the real scripts; another survey's photos stand for real ones."""

import importlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import localizer_views
import numpy as np
import pandas as pd
import pytest
import real_mix
import real_photos
import real_table
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from whichwhale.annotations import build, read, write
from whichwhale.competition import folds
from whichwhale.config import load
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, ViewsConfig
from whichwhale.localize.found import Found
from whichwhale.localize.locating import Fitted, Locator
from whichwhale.localize.truth import points_of
from whichwhale.survey import __main__ as survey

KINDS = {"localizer": LocalizerConfig, "aligner": AlignerConfig}


def in_process(log: Path, command: Sequence[str]) -> int:
    if command[1] == "-m":
        return importlib.import_module(f"{command[2]}.__main__").main(list(command[3:]))
    return importlib.import_module(Path(command[1]).stem).main(list(command[2:]))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos of another survey, two of them labelled."""
    root = tmp_path_factory.mktemp("elsewhere") / "real"
    assert survey.main([str(root), "--whales", "2", "--photos", "3", "--test-photos", "1", "--width", "360", "--seed", "8"]) == 0
    for file in ("points1.json", "slot.json"):
        entries = json.loads((root / file).read_text())
        (root / file).write_text(json.dumps(sorted(entries, key=lambda one: one["filename"])[:2]))
    return root


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    return tmp_path


def test_the_road_is_walked_and_told(home: Path, real: Path, capsys: pytest.CaptureFixture) -> None:
    fits = []

    def counted(log: Path, command: Sequence[str]) -> int:
        fits.append(command)
        return in_process(log, command)

    told = ["--quick", "--jobs", "1", "--photos", str(real / "imgs"), "--truth", str(real)]
    assert real_photos.main([*told, "--table"], counted) == 0
    assert "nothing is fitted yet" in capsys.readouterr().out and fits == []
    assert real_photos.main(told, counted) == 0
    shown = capsys.readouterr().out
    assert len(fits) == 1 + 2 + 2 * 2  # the survey; two networks on it; both without either of the labelled photos
    kept = json.loads((home / "runs" / "real_quick" / "real_photos-imgs.json").read_text())
    images = sorted(path.name for path in (real / "imgs").iterdir())[:2]
    for stage in ("alone", "added"):
        assert [one["photo"] for one in kept[stage]] == images
        assert all(one["error"] >= 0 and 0 <= one["iou"] <= 1 and 0.02 < one["size"] < 0.17 for one in kept[stage])
    assert kept["alone"] != kept["added"] and set(kept["aims_met"]) == {"alone", "added"}
    assert "Real photos, trained on the survey alone:" in shown and "leave-one-out" in shown
    # No network saw the photo that it is told by, and those of the survey saw none.
    for fold, image in enumerate(images):
        dealt = folds.read(home / "runs" / "real_quick_added" / "folds.csv")
        left_out = set(dealt.loc[dealt["fold"] == fold, "Image"])
        assert left_out == {f"{Path(image).stem}~{copy:02}.jpg" for copy in range(2)}
        for kind in ("localizer", "aligner"):
            provenance = json.loads((home / "runs" / "real_quick_added" / kind / f"fold{fold}" / "provenance.json").read_text())
            assert provenance["photos"] == {"training": 8 + 2, "held out": 2} and provenance["fold"] == fold
            assert provenance["start"] == real_photos.sha256(home / "runs" / "real_quick" / kind / "fold0" / "model.safetensors")
    drawn = {real_photos.sha256(path) for path in (home / "input" / "real_quick" / "imgs").iterdir()}
    assert len(drawn) == 25 and not drawn & {real_photos.sha256(path) for path in (real / "imgs").iterdir()}
    found = read(home / "runs" / "real_quick" / "found_alone-imgs.csv")
    assert sorted(found["Image"]) == sorted(path.name for path in (real / "imgs").iterdir())  # the unlabelled one too
    assert real_photos.main(told, lambda *_: pytest.fail("everything is done")) == 0
    assert real_photos.main([*told, "--copies", "3"], in_process) == 2
    assert "is made of other photos or numbers; say --alone" in capsys.readouterr().err
    looked_at_by_views(home, capsys)


def looked_at_by_views(home: Path, capsys: pytest.CaptureFixture) -> None:
    """The localizer of the quick form, by benchmarks/localizer_views.py."""
    told = ["--dataset", "real_quick", "--count", "2", "--width", "240", "--least-score", "0"]
    assert localizer_views.main(told, in_process) == 0
    shown = capsys.readouterr().out
    kept = json.loads((home / "runs" / "real_quick" / "localizer_views.json").read_text())
    assert [one["views"] for one in kept["rows"]] == list(localizer_views.ROWS) and kept["photos"] == kept["empty"] == 2
    for one in kept["rows"]:
        assert 0 <= one["auc"] <= 1 and one["false"] == 1 and one["lost"] == 0 and one["usual_50"] <= one["usual_95"]
        assert f"| {one['views']} | {one['usual_missed']} | {100 * one['usual_inside']:.0f} % |" in shown
    assert localizer_views.main(["--dataset", "real_quick", "--count", "5", "--width", "240"], in_process) == 2
    assert "has 2 photos of the open sea, not 5; delete it" in capsys.readouterr().err
    assert localizer_views.main(["--dataset", "nothing"], in_process) == 2
    assert "not fitted yet; python benchmarks/real_photos.py --alone makes it" in capsys.readouterr().err


@given(st.integers(0, 10**6), st.floats(0.05, 0.9), st.floats(0.2, 0.8), st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_a_part_about_a_head_is_of_the_photo_and_holds_its_box(seed: int, side: float, d: float, x: float, y: float) -> None:
    photo = (600, 400)
    width, height = side * 400, 0.8 * side * 400
    box = {"x": x * (600 - width), "y": y * (400 - height), "width": width, "height": height}
    points = {"bonnet_tip_x": 0.0, "bonnet_tip_y": 0.0, "blowhole_x": d * width, "blowhole_y": 0.0}
    corner, size = localizer_views.about_head(pd.Series(box | points), photo, np.random.default_rng(seed))
    assert (corner >= 0).all() and (corner + size <= photo).all()
    assert (corner <= [box["x"], box["y"]]).all()
    assert (corner + size >= [box["x"] + width, box["y"] + height]).all()
    assert d * width / size[0] <= 0.5 + 1e-9  # d takes half of the width at most


def test_the_fits_are_configs_that_their_room_takes(home: Path) -> None:
    road = real_photos.Road(
        real_photos.Size(scale=0.5), "real", home, home, True, "-x", {"localizer": ["width=384"], "aligner": []}
    )
    alone = {kind: load(KINDS[kind], road.alone(kind)[0], road.alone(kind)[1:]) for kind in KINDS}
    added = {kind: load(KINDS[kind], road.added(kind, 3, 8)[0], road.added(kind, 3, 8)[1:]) for kind in KINDS}
    for kind in KINDS:
        assert alone[kind].name == added[kind].name == f"{kind}-x"
        assert (alone[kind].fold, added[kind].fold, added[kind].folds.count) == ([0], [3], 8)
        assert alone[kind].start_from == "" and added[kind].start_from == f"real/{kind}-x/fold0/model.safetensors"
        assert alone[kind].data.root == alone[kind].dataset == "real" and added[kind].dataset == "real_added"
        assert added[kind].fit.epochs == 5 and alone[kind].fit.epochs == 0.5 * load(KINDS[kind], road.alone(kind)[0]).fit.epochs
        assert added[kind].variant == alone[kind].variant and added[kind].view_size == alone[kind].view_size
    assert alone["localizer"].width == 384
    assert road.tag == f"-x-{home.name}"
    assert replace(road, photos=home / "input" / "right_whale_photos").tag == "-x"
    assert alone["aligner"].boxes == ""  # one split leaves no out-of-fold boxes


def test_mixtures_hold_the_survey_s_points_and_the_real_ones(home: Path, real: Path) -> None:
    truth, paths = real_mix.labelled(real / "imgs", real)
    assert len(truth) == 2 and len(paths) == 3
    drawn = home / "input" / "sea"
    assert survey.main([str(drawn), "--whales", "2", "--photos", "6", "--test-photos", "1", "--width", "96"]) == 0
    real_mix.mix("sea", "sea_added", truth, paths, 3, 2)
    table = read(home / "input" / "sea_added" / "annotations.csv").set_index("Image")
    assert len(table) == 3 + 2 * 2
    for image in truth["Image"]:
        mine = table.loc[[f"{Path(image).stem}~00.jpg", f"{Path(image).stem}~01.jpg"]]
        expected = points_of(truth[truth["Image"] == image], real_mix.POINTS)
        assert np.array_equal(points_of(mine, real_mix.POINTS), np.repeat(expected, 2, 0))
        linked = home / "input" / "sea_added" / "imgs" / mine.index[0]
        assert linked.read_bytes() == (real / "imgs" / image).read_bytes()
    real_mix.mix("sea", "sea_added", truth, paths, 3, 2)
    with pytest.raises(ValueError, match="is made of other photos or numbers"):
        real_mix.mix("sea", "sea_added", truth.iloc[:1], paths, 3, 2)
    with pytest.raises(ValueError, match="--kept 5: the survey has 5 photos"):
        real_mix.mix("sea", "sea_more", truth, paths, 5, 2)


class Told(nn.Module):
    """Finds the same in every view."""

    def __init__(self, points: list[list[float]], extent: list[float] | None) -> None:
        super().__init__()
        self.points, self.extent = torch.tensor(points), extent

    def find(self, images: torch.Tensor) -> Found:
        count = len(images)
        extent = None if self.extent is None else torch.tensor(self.extent).expand(count, 2)
        return Found(self.points.expand(count, *self.points.shape), torch.ones(count, len(self.points)), extent)


def test_rows_by_hand(tmp_path: Path) -> None:
    import cv2

    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((64, 96, 3), 90, np.uint8))
    views = ViewsConfig(rotations=[0], mirror=False)
    # The localizer's view is the photo itself; its box is 20 px wide about (40, 30), and so the aligner's field 36 px.
    localizer = Fitted(LocalizerConfig(width=96, height=64, views=views), [Told([[40, 30], [44, 30], [34, 30]], [20, 20])], "l")
    aligner = Fitted(AlignerConfig(size=64, views=views, boxes=""), [Told([[31.5 + 16, 31.5], [31.5 - 16, 31.5]], None)], "a")
    points = {"bonnet_tip_x": 49.0, "bonnet_tip_y": 30.0, "bonnet_tip_v": 2, "blowhole_x": 31.0, "blowhole_y": 30.0,
              "blowhole_v": 2}  # fmt: skip
    far = points | {"bonnet_tip_x": 29.0, "blowhole_x": 11.0}
    other = points | {"bonnet_tip_x": 31.0, "blowhole_x": 49.0}
    rows = [
        {"Image": "a.png", "x": 30, "y": 20, "width": 20, "height": 20} | points,
        {"Image": "b.png", "x": 10, "y": 20, "width": 20, "height": 20} | far,
    ]
    paths = {name: tmp_path / name for name in ("a.png", "b.png")}
    table, found = real_table.measured(Locator(localizer, aligner), paths, build(rows, real_table.NAMES))
    assert list(table["Image"]) == ["a.png", "b.png"]
    a, b = found
    assert a["size"] == pytest.approx(18 / 96) and a["error"] == pytest.approx(0, abs=1e-6)
    assert (a["missed"], a["flipped"], a["inside"]) == (False, False, True) and a["iou"] == pytest.approx(1)
    assert a["own"] == pytest.approx((5 + 3) / 2 / 18)
    assert b["error"] == pytest.approx(20 / 18) and (b["missed"], b["inside"]) == (True, False)
    assert b["on_true_box"] == pytest.approx(0, abs=1e-6)
    all_ = real_table.summary(found)
    assert all_["median"] == pytest.approx(10 / 18) and all_["missed"] == 1 and all_["largest"] == pytest.approx(20 / 18)
    _, turned = real_table.measured(Locator(localizer, aligner), paths, build([rows[0] | other], real_table.NAMES))
    assert turned[0]["flipped"] and turned[0]["error"] == pytest.approx(1)
    assert real_table.met({"alone": [a], "added": found}) == {"alone": True, "added": False}
    assert "| a.png | 18.8 | 0.0 |  |  | yes | 1.00 |" in real_table.as_text({"alone": [a]}, ["a.png"])


def test_what_it_cant_do_it_says(home: Path, real: Path, capsys: pytest.CaptureFixture) -> None:
    assert real_photos.main(["--table"]) == 2
    assert "right_whale_photos: no such folder of photos" in capsys.readouterr().err
    nothing = home / "none.csv"
    write(nothing, build([{"Image": "z.jpg", "status": "none"}], real_table.NAMES))
    assert real_photos.main(["--photos", str(real / "imgs"), "--truth", str(nothing), "--table"]) == 2
    assert "knows the box and both points of none of the 3 photos there" in capsys.readouterr().err
    assert real_photos.main(["--kept", "0"]) == 2
    assert "--kept: must be above 0" in capsys.readouterr().err

    def breaks(log: Path, command: Sequence[str]) -> int:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("began\nno memory\n")
        return 3

    assert real_photos.main(["--photos", str(real / "imgs"), "--truth", str(real)], breaks) == 2
    assert "whichwhale.survey failed" in capsys.readouterr().err
