"""The room's door: error and look."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from whichwhale.annotations import build, to_sloth, write
from whichwhale.localize.__main__ import main
from whichwhale.runs import trained_on

NAMES = ["bonnet_tip", "blowhole"]


def row(image: str, off: float = 0.0, **more: object) -> dict:
    """A head with d = 40 px whose points are `off` px too far down."""
    points = {"bonnet_tip_x": 80.0, "bonnet_tip_y": 50.0 + off, "blowhole_x": 40.0, "blowhole_y": 50.0 + off}
    box = {"x": 25.0, "y": 15.0, "width": 70.0, "height": 70.0}
    return {"Image": image, "bonnet_tip_v": 2, "blowhole_v": 2} | box | points | more


@pytest.fixture
def files(tmp_path: Path) -> Path:
    images = ["a.jpg", "b.jpg", "c.jpg"]
    truth = build([row(image) for image in images], NAMES)
    write(tmp_path / "truth.csv", truth)
    to_sloth(truth, tmp_path / "sloth")
    found = [row("a.jpg", 1.0, fold=0), row("b.jpg", 2.0, fold=1), {"Image": "c.jpg", "status": "none", "fold": -2}]
    write(tmp_path / "found.csv", build(found, NAMES))
    (tmp_path / "imgs").mkdir()
    for image in images:
        cv2.imwrite(str(tmp_path / "imgs" / image), np.full((120, 160, 3), 40, np.uint8))
    return tmp_path


@pytest.mark.parametrize("truth", ["truth.csv", "sloth"])
def test_error_in_percent_of_d(files: Path, truth: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["error", str(files / "found.csv"), str(files / truth)]) == 0
    nobody_knows, first, second = capsys.readouterr().out.splitlines()
    assert "no trained_on.csv there says what the models were trained on" in nobody_knows
    # 1 and 2 px of 40 px are 2.5 and 5 %; nothing found is 100 %
    assert first.startswith("out-of-fold: 2 photos, point error in % of d: median 3.75") and first.endswith("100.0 %")
    assert "1 photos, point error in % of d: median 100.00" in second and second.endswith("box 0.0 %")


def test_photos_that_a_model_learned_from_have_no_figure(files: Path, capsys: pytest.CaptureFixture) -> None:
    for fold, learned in enumerate([{"b.jpg", "c.jpg"}, {"a.jpg", "c.jpg"}]):
        trained_on.write(files / f"fold{fold}", {(image, "whale") for image in learned})
    arguments = [str(files / "found.csv"), str(files / "truth.csv")]
    for command in ("error", "doubt"):
        assert main([command, *arguments]) == 0
        left_out, told, *_ = capsys.readouterr().out.splitlines()
        assert left_out.startswith("1 photos are left out, the first is c.jpg: fold 0's model, one of those that found it, was")
        assert told.startswith("out-of-fold: 2 photos")
    trained_on.write(files / "elsewhere" / "fold0", {("a.jpg", "whale")})
    trained_on.write(files / "elsewhere" / "fold1", {("c.jpg", "whale")})
    assert main(["error", *arguments, "--model", str(files / "elsewhere")]) == 0
    assert "2 photos are left out, the first is a.jpg: fold 0's model, which found it" in capsys.readouterr().out
    trained_on.write(files / "fold1", {("a.jpg", "whale"), ("b.jpg", "whale"), ("c.jpg", "whale")})
    trained_on.write(files / "fold0", {("a.jpg", "whale")})
    assert main(["error", *arguments]) == 2
    assert "the models that found them were trained on all 3 photos" in capsys.readouterr().err


def test_look_draws_the_worst_first(files: Path, capsys: pytest.CaptureFixture) -> None:
    out = files / "sheet.png"
    arguments = [str(files / "found.csv"), str(files / "truth.csv"), str(files / "imgs"), str(out)]
    assert main(["look", *arguments, "--worst", "--count", "3"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["c.jpg", "b.jpg", "a.jpg"]
    picture = cv2.imread(str(out))[..., ::-1]
    assert picture.shape == (2 * 320, 4 * 480, 3)
    # the photo is drawn three times as large, a bit less to fit: b's found tip is a red disc at 320/120 times (80, 52)
    scale = 320 / 120
    x, y = (480 - 160 * scale) / 2 + 80.5 * scale, 52.5 * scale
    assert picture[round(y), 960 + round(x)].tolist() == pytest.approx([255, 60, 60], abs=3)


def test_look_without_a_truth_draws_what_was_found_the_unsurest_first(files: Path, capsys: pytest.CaptureFixture) -> None:
    found = [row("a.jpg", score=0.9), row("b.jpg", score=0.4), {"Image": "c.jpg", "status": "none"}]
    write(files / "scored.csv", build(found, NAMES))
    arguments = ["look", str(files / "scored.csv"), str(files / "imgs"), str(files / "sheet.png")]
    assert main(arguments) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == ["a.jpg: ok, score 0.90", "b.jpg: ok, score 0.40", "c.jpg: none, score nan"]
    assert cv2.imread(str(files / "sheet.png")).shape == (2 * 320, 4 * 480, 3)
    assert main([*arguments, "--worst", "--count", "2"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["c.jpg", "b.jpg"]


def test_heads_in_empty_photos_are_counted(files: Path, capsys: pytest.CaptureFixture) -> None:
    truth = [row("a.jpg"), row("b.jpg"), *({"Image": f"{sea}.jpg", "status": "none"} for sea in ("c", "d", "e"))]
    write(files / "truth.csv", build(truth, NAMES))
    scores = {"a.jpg": 0.9, "b.jpg": 0.5, "c.jpg": 0.6, "d.jpg": 0.2}
    found = [row(image, score=score) for image, score in scores.items()] + [{"Image": "e.jpg", "status": "none", "score": 0.1}]
    write(files / "found.csv", build(found, NAMES))
    assert main(["error", str(files / "found.csv"), str(files / "truth.csv")]) == 0
    # b is less sure than c: five of six pairs of a head and an empty photo are told apart
    assert "photos without a head: 3, in 2 of them (66.7 %) one was found; area under the ROC curve of the score 0.833" in (
        capsys.readouterr().out
    )


def test_find_says_at_once_that_it_could_not_write(files: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["find", str(files / "no_model"), str(files / "imgs"), str(files / "imgs")]) == 2
    assert "imgs: is a folder; name a file in it" in capsys.readouterr().err
    assert main(["find", str(files / "no_model"), str(files / "imgs"), str(files / "truth.csv/found.csv")]) == 2
    assert "truth.csv is no folder" in capsys.readouterr().err


def test_tables_of_other_sizes_are_not_compared(files: Path, capsys: pytest.CaptureFixture) -> None:
    for name, size in (("found.csv", (160, 120)), ("truth.csv", (320, 240))):
        rows = [row("a.jpg"), row("b.jpg", photo_width=size[0], photo_height=size[1])]
        write(files / name, build(rows, NAMES))
    assert main(["error", str(files / "found.csv"), str(files / "truth.csv")]) == 2
    told = capsys.readouterr().err
    assert "truth.csv: 1 of 1 photos have another size" in told and "b.jpg: 320 x 240, not 160 x 120 px" in told


def test_nothing_in_common_is_said(files: Path, capsys: pytest.CaptureFixture) -> None:
    write(files / "other.csv", build([row("z.jpg")], NAMES))
    assert main(["error", str(files / "found.csv"), str(files / "other.csv")]) == 2
    assert "no photo in common" in capsys.readouterr().err


def test_doubt_says_how_well_sd_ranks_the_errors(files: Path, capsys: pytest.CaptureFixture) -> None:
    sure, unsure = ({"bonnet_tip_sd": sd, "blowhole_sd": sd} for sd in (0.5, 2.0))
    found = [row("a.jpg", 1.0, fold=0, **sure), row("b.jpg", 2.0, fold=1, **unsure)]
    write(files / "doubted.csv", build([*found, {"Image": "c.jpg", "status": "none", "fold": -2}], NAMES))
    assert main(["doubt", str(files / "doubted.csv"), str(files / "truth.csv")]) == 0
    told = capsys.readouterr().out
    assert "out-of-fold: 2 photos, rank correlation of sd and error 1.00" in told
    means = {line.split()[0]: line.split()[1] for line in told.split("mean of fold models")[0].splitlines()}
    assert means["100%"] == "3.75" and means["50%"] == "2.50"  # of 2.5 and 5 % of d
    assert "mean of fold models: 1 photos" in told


def test_rows_without_a_fold_have_figures_too(files: Path, capsys: pytest.CaptureFixture) -> None:
    """Found by hand, or written in a format that has no place for the fold."""
    write(files / "found.csv", build([row("a.jpg", 1.0, score=0.5), row("b.jpg", 2.0, score=0.5)], NAMES))
    for command, last in (("error", "median 3.75"), ("doubt", "100%")):
        assert main([command, str(files / "found.csv"), str(files / "truth.csv")]) == 0
        told = capsys.readouterr().out
        assert "no trained_on.csv there says" in told  # the score says that a model found them
        assert "by hand, or of a format without folds: 2 photos" in told and last in told


@pytest.mark.parametrize(
    ("names", "why"), [([], "it has boxes alone; `python -m whichwhale.detect score`"), (NAMES[:1], "the point bonnet_tip alone")]
)
def test_errors_need_two_points(files: Path, names: list, why: str, capsys: pytest.CaptureFixture) -> None:
    kept = {key: value for key, value in row("a.jpg").items() if not key.startswith(tuple(set(NAMES) - set(names)))}
    write(files / "found.csv", build([kept], names))
    for command in ("error", "doubt"):
        for truth in ("truth.csv", "sloth"):
            assert main([command, str(files / "found.csv"), str(files / truth)]) == 2
            assert why in capsys.readouterr().err


def test_true_points_in_one_place_are_left_out(files: Path, capsys: pytest.CaptureFixture) -> None:
    truth = [row("a.jpg"), row("b.jpg", blowhole_x=80.0), row("c.jpg", blowhole_x=80.0)]
    write(files / "truth.csv", build(truth, NAMES))
    assert main(["error", str(files / "found.csv"), str(files / "truth.csv")]) == 0
    told = capsys.readouterr().out
    assert "truth.csv: bonnet_tip and blowhole of b.jpg and 1 other photos lie in one place: left out" in told
    assert "out-of-fold: 1 photos, point error in % of d: median 2.50" in told
