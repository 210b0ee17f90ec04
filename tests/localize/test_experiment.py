"""Localizer, then aligner, on a small made-up survey: dark bodies with a red and a green dot on a sea."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import predict
import train
from tests.killed_fit import assert_ends_as_if_never_killed, needs_sigkill
from whichwhale.annotations import build, read, write
from whichwhale.annotations.table import BOX, AnnotationsError
from whichwhale.competition import folds
from whichwhale.config import to_yaml
from whichwhale.localize import __main__ as localize
from whichwhale.localize import locating, predicting, uncertainty
from whichwhale.localize.boxes import BoxesError, out_of_fold_boxes
from whichwhale.localize.config import AlignerConfig, EdgesConfig, LocalizerConfig, SecondLookConfig, TruthConfig, ViewsConfig
from whichwhale.localize.error import errors, summary
from whichwhale.localize.experiment import Experiment
from whichwhale.localize.fitting import fit_fold
from whichwhale.localize.predicting import predict_fold
from whichwhale.localize.tables import read_views
from whichwhale.localize.truth import TruthError
from whichwhale.pictures.config import MovesConfig
from whichwhale.runs import RunError

NAMES = ["bonnet_tip", "blowhole"]
LABELLED, TEST = [f"w_{n}.jpg" for n in range(42)], [f"w_{n}.jpg" for n in range(50, 58)]
ALWAYS, BROKEN, UNLABELLED = "w_41.jpg", "w_57.jpg", "w_3.jpg"


def draw_photo(rng: np.random.Generator) -> tuple[np.ndarray, dict]:
    """A photo of 288 x 192 px: a dark head with d of 26 to 36 px, its points, and their box."""
    middle, turn, d = rng.uniform([50, 50], [238, 142]), rng.uniform(0, 2 * np.pi), rng.uniform(26, 36)
    along = np.array([np.cos(turn), np.sin(turn)]) * d / 2
    photo = rng.normal([120, 110, 70], 9, (192, 288, 3))
    cv2.ellipse(photo, (*map(int, middle),), (int(0.8 * d), int(0.45 * d)), np.degrees(turn), 0, 360, (40, 40, 40), -1)
    for point, colour in ((middle + along, (30, 30, 250)), (middle - along, (30, 250, 30))):
        shift = 4  # OpenCV's fixed point: sixteenths of a pixel
        cv2.circle(photo, tuple(int(round(v * 2**shift)) for v in point), 5 << shift, colour, -1, cv2.LINE_AA, shift)
    side = 1.75 * d
    row = dict(zip(["x", "y", "width", "height"], [*(middle - side / 2), side, side], strict=True))
    for name, (x, y) in zip(NAMES, (middle + along, middle - along), strict=True):
        row |= {f"{name}_x": x, f"{name}_y": y, f"{name}_v": 2}
    return photo.clip(0, 255).astype(np.uint8), row


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of input and runs; 5 whales with 8 or 9 photos, one with a single photo, a test photo that can't be read."""
    folder = tmp_path_factory.mktemp("sea")
    root, rng, rows = folder / "input" / "survey", np.random.default_rng(0), []
    (root / "imgs").mkdir(parents=True)
    for image in LABELLED + TEST:
        photo, row = draw_photo(rng)
        cv2.imwrite(str(root / "imgs" / image), photo, [cv2.IMWRITE_JPEG_QUALITY, 95])
        rows.append({"Image": image, "photo_width": 288, "photo_height": 192} | row)
    (root / "imgs" / BROKEN).write_bytes(b"not a photo")
    write(root / "truth.csv", build([row for row in rows if row["Image"] != UNLABELLED], NAMES))
    whales = ["single" if image == ALWAYS else f"whale_{n % 5}" for n, image in enumerate(LABELLED)]
    pd.DataFrame({"Image": LABELLED, "whaleID": whales}).to_csv(root / "train.csv", index=False)
    sample = pd.DataFrame({"Image": TEST} | dict.fromkeys(sorted(set(whales)), 0.1))
    sample.to_csv(root / "sample_submission.csv", index=False)
    return folder


COMMON = {
    "data": {"skip_bad": True},
    "folds": {"count": 2},
    "truth": {"table": "truth.csv"},
    "backbone": {"name": "test_resnet", "weights": False},
    "heatmap": {"width": 32},
}


def fit_config(epochs: int) -> dict:
    return {"epochs": epochs, "batch_size": 7, "lr": 8e-3, "precision": "no", "validate_every": 20}


LOCALIZER = LocalizerConfig(name="localizer", width=96, height=64, fit=fit_config(12), augment={"photometric": "none"}, **COMMON)
ALIGNER = AlignerConfig(name="aligner", size=64, fit=fit_config(12), augment={"photometric": "none"}, **COMMON)

TWICE = ALIGNER.model_copy(
    update={
        "name": "twice",
        "variant": "two_looks",
        "second": SecondLookConfig(reduction=1, width=64, height=32, times=2, error=0.05),
        "views": ViewsConfig(rotations=[0.0, 180.0]),
        "draw_boxes": True,
        "look_again": 0.05,
        "uncertainty": "calibrated",
    }
)


@pytest.fixture(scope="module")
def runs(survey: Path) -> Path:
    """Both fitted and predicted by the real scripts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHICHWHALE_INPUT", str(survey / "input"))
        patch.setenv("WHICHWHALE_RUNS", str(survey / "runs"))
        patch.setattr(uncertainty, "LEAST_ROWS", 15)  # of 20 photos a fold
        patch.setattr(uncertainty, "GROUP", 5)
        for config in (LOCALIZER, ALIGNER, TWICE):
            path = survey / f"{config.name}.yaml"
            path.write_text(to_yaml(config.model_copy(update={"name": ""})))
            assert train.main([str(path)]) == 0
            assert predict.main([str(path)]) == 0
    return survey / "runs" / "survey"


@pytest.fixture
def here(survey: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(survey / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(survey / "runs"))
    return runs


@pytest.fixture
def truth(survey: Path) -> pd.DataFrame:
    return read(survey / "input" / "survey" / "truth.csv")


@pytest.mark.parametrize("name", ["aligner", "twice"])
def test_aligner_finds_points_in_photos_that_no_model_saw(here: Path, truth: pd.DataFrame, name: str) -> None:
    compared = errors(read(here / name / "annotations.csv"), truth, NAMES)
    out_of_fold, test = compared[compared["fold"] >= 0], compared[compared["Image"].isin(set(TEST) - {BROKEN})]
    assert len(out_of_fold) == 40 and len(test) == 7
    for scores in (summary(out_of_fold), summary(test)):
        assert scores["error_50"] < 0.06
        assert scores["inside"] > 0.85


def test_localizer_boxes_hold_the_points(here: Path, truth: pd.DataFrame) -> None:
    table = read(here / "localizer" / "annotations.csv")
    assert summary(errors(table[table["Image"] != BROKEN], truth, NAMES))["inside"] > 0.85
    found = table[table["status"] == "ok"].merge(truth, on="Image", suffixes=("", "_true"))
    box, true = (found[[f"{name}{suffix}" for name in BOX]].to_numpy() for suffix in ("", "_true"))
    off = box[:, :2] + box[:, 2:] / 2 - true[:, :2] - true[:, 2:] / 2
    assert np.median(np.hypot(*off.T) / true[:, 2]) < 0.1


@pytest.mark.parametrize("name", ["localizer", "aligner", "twice"])
def test_assembled_table_has_every_photo_once_with_its_fold(here: Path, name: str) -> None:
    table = read(here / name / "annotations.csv").set_index("Image")
    dealt = folds.read(here / "folds.csv").set_index("Image")["fold"]
    assert list(table.index) == [*dealt.index, *TEST]
    left_out = dealt[dealt >= 0]
    assert (table.loc[left_out.index, "fold"] == left_out).all()
    assert dealt[ALWAYS] == -1
    assert (table.loc[[ALWAYS, *TEST], "fold"] == -2).all()
    assert table.loc[BROKEN, "status"] == "unreadable"
    assert (table["status"] == "ok").sum() >= len(table) - 2
    assert set(table["source"]) == {f"survey/{name}"}
    found = table[table["status"] == "ok"]
    assert (found[["bonnet_tip_sd", "blowhole_sd"]] > 0).all(axis=None)
    assert found["photo_width"].eq(288).all()


@pytest.mark.parametrize("name", ["localizer", "aligner", "twice"])
def test_no_photo_is_predicted_by_a_model_that_saw_it(here: Path, name: str) -> None:
    assembled = read(here / name / "annotations.csv").set_index("Image")
    dealt = folds.read(here / "folds.csv").set_index("Image")["fold"]
    for fold in (0, 1):
        trained = set(dealt.index[dealt != fold])
        own = read(here / name / f"fold{fold}" / "annotations.csv").set_index("Image")
        assert not trained & set(own.index)
        assert (own["fold"] == fold).all()
        views = read_views(here / name / f"fold{fold}" / "views.npz")
        assert views is not None and trained & set(views.images) == {ALWAYS}
        mine = dealt.index[dealt == fold]
        columns = ["x", "y", "bonnet_tip_x", "blowhole_y"]
        pd.testing.assert_frame_equal(assembled.loc[mine, columns], own.loc[mine, columns])
        provenance = json.loads((here / name / f"fold{fold}" / "provenance.json").read_text())
        known = trained - {UNLABELLED}
        assert provenance["photos"]["training"] == len(known)


def test_training_does_not_touch_what_is_held_out(here: Path) -> None:
    for config in (LOCALIZER, ALIGNER):
        experiment = Experiment.open(config)
        for fold in (0, 1):
            training, held_out = folds.train_validation(experiment.folds, fold)
            rows = experiment.targets(training).rows
            images = set(experiment.pictures.index["Image"].iloc[rows])
            assert images == set(training) - {UNLABELLED}
            assert not images & {*held_out, *TEST}


def test_aligner_refuses_boxes_that_are_not_out_of_fold(here: Path, tmp_path: Path) -> None:
    table = read(here / "localizer" / "annotations.csv")
    dealt = folds.read(here / "folds.csv")
    image = dealt.loc[dealt["fold"] == 0, "Image"].iloc[0]
    table.loc[table["Image"] == image, "fold"] = 1
    write(tmp_path / "annotations.csv", table)
    with pytest.raises(BoxesError, match=rf"{image}: fold 0 .* comes from fold 1"):
        out_of_fold_boxes(tmp_path / "annotations.csv", dealt, LABELLED)
    with pytest.raises(BoxesError, match="no row for 1 photos"):
        out_of_fold_boxes(here / "localizer" / "annotations.csv", dealt, [*LABELLED, "w_99.jpg"])


def test_done_is_done(here: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = here / "photos_96x64" / "pictures.npy"
    before, table = pictures.stat().st_mtime_ns, (here / "localizer" / "annotations.csv").read_bytes()
    experiment = Experiment.open(LOCALIZER)
    fit_fold(experiment, 0)
    assert "fitted already" in capsys.readouterr().out
    monkeypatch.setattr(predicting, "predict", lambda *_, **__: pytest.fail("views are there already"))
    predict_fold(experiment, 0)
    assert pictures.stat().st_mtime_ns == before
    assert (here / "localizer" / "annotations.csv").read_bytes() == table


@needs_sigkill
def test_two_looks_killed_in_the_middle_of_an_epoch_end_with_the_same_numbers(here: Path, survey: Path) -> None:
    def command(name: str) -> list[str]:
        every_step = ["fit.epochs=3", "fit.batch_size=5", "fit.checkpoint_minutes=0"]
        return [str(survey / "twice.yaml"), f"name={name}", "fold=0", *every_step]

    # Of four steps an epoch.
    assert_ends_as_if_never_killed(here, command, dies_at=6, checkpoint="epoch00001_step0000001")


def test_true_boxes_align_labelled_photos_only(here: Path) -> None:
    experiment = Experiment.open(ALIGNER.model_copy(update={"name": "true", "boxes": ""}))
    status = experiment.pictures.index.set_index("Image")["status"]
    assert (status[[image for image in TEST if image != BROKEN]] == "none").all()  # their truth is not read
    assert status[UNLABELLED] == "none" and status[BROKEN] == "unreadable"
    assert (status == "ok").sum() == len(LABELLED) - 1


def test_new_photos_are_located_as_the_test_photos_were(here: Path, survey: Path) -> None:
    paths = {image: survey / "input" / "survey" / "imgs" / image for image in TEST}
    for name in ("localizer", "aligner", "twice"):
        expected = read(here / name / "annotations.csv").set_index("Image").loc[TEST].reset_index()
        found = locating.load(here / name).locate(paths)
        pd.testing.assert_frame_equal(found[expected.columns], expected, rtol=1e-5, atol=1e-3)  # sums of another batch size


def test_standing_photos_are_seen_as_large_as_lying_ones(here: Path, survey: Path, tmp_path: Path) -> None:
    images, size = TEST[:4], (288, 192)
    for image in images:
        photo = cv2.imread(str(survey / "input" / "survey" / "imgs" / image))
        cv2.imwrite(str(tmp_path / f"lies_{image}.png"), photo)
        cv2.imwrite(str(tmp_path / f"stands_{image}.png"), cv2.rotate(photo, cv2.ROTATE_90_COUNTERCLOCKWISE))
    found = locating.load(here / "localizer").locate({path.name: path for path in tmp_path.iterdir()}).set_index("Image")
    for image in images:
        lies, stands = found.loc[f"lies_{image}.png"], found.loc[f"stands_{image}.png"]
        assert stands[["photo_width", "photo_height"]].tolist() == [192, 288]
        for name in NAMES:  # (x, y) of the lying photo is (y, 287 - x) of the one turned counter-clockwise
            turned = [lies[f"{name}_y"], size[0] - 1 - lies[f"{name}_x"]]
            assert stands[[f"{name}_x", f"{name}_y"]].tolist() == pytest.approx(turned, abs=1e-3)
        assert stands[["width", "height"]].tolist() == pytest.approx(lies[["height", "width"]].tolist(), abs=1e-3)


def test_upright_animals_are_not_laid(here: Path) -> None:
    upright = LOCALIZER.model_copy(update={"augment": MovesConfig(rotation=20)})
    assert upright.whole("", (192, 288))[0, 1] == 0 and LOCALIZER.whole("", (192, 288))[0, 0] == 0
    assert Experiment.open(upright).pictures.folder == here / "photos_96x64_upright"


def test_one_fold_is_asked_alone_where_that_is_said(here: Path, survey: Path) -> None:
    fitted = locating.read_fitted(here / "twice", fold=1)
    assert len(fitted.nets) == 1 and fitted.source == "survey/twice/fold1" and fitted.uncertainty is None
    everyone = locating.read_fitted(here / "twice")
    assert len(everyone.nets) == 2 and everyone.uncertainty is not None
    paths = {image: survey / "input" / "survey" / "imgs" / image for image in TEST}
    found = locating.Locator(locating.read_fitted(here / "localizer", fold=1), None).locate(paths)
    expected = read(here / "localizer" / "fold1" / "annotations.csv").set_index("Image").loc[TEST].reset_index()
    columns = [*BOX, "bonnet_tip_x", "blowhole_y", "bonnet_tip_sd"]
    pd.testing.assert_frame_equal(found[columns], expected[columns], rtol=1e-5, atol=1e-3)  # sums of another batch size


def test_fitted_models_can_be_asked_otherwise(here: Path, survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    photo, out = str(survey / "input" / "survey" / "imgs" / TEST[0]), tmp_path / "found.csv"
    find = ["find", str(here / "aligner"), photo, str(out)]
    assert localize.main(find) == 0 and read(out)["status"].tolist() == ["ok"]
    assert localize.main([*find, "localizer.least_score=0.9999", "views={rotations: [0]}"]) == 0
    assert read(out)["status"].tolist() == ["none"]
    assert localize.main([*find, "width=128"]) == 2
    assert "width=128: a fitted model can be asked otherwise by views, least_score" in capsys.readouterr().err
    with pytest.raises(locating.LoadError, match="is a localizer itself; say least_score=0.5, without"):
        locating.load(here / "localizer", None, ["localizer.least_score=0.5"])


def test_unreadable_photos_are_named(here: Path, survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    broken = survey / "input" / "survey" / "imgs" / BROKEN
    assert localize.main(["find", str(here / "localizer"), str(broken), str(tmp_path / "found.csv")]) == 0
    assert f"unreadable: {broken}: " in capsys.readouterr().out


def test_locator_wants_fitted_folds(here: Path) -> None:
    with pytest.raises(locating.LoadError, match="no fitted localizer or aligner"):
        locating.load(here / "nothing")
    with pytest.raises(locating.LoadError, match="localizer/fold7: no fitted localizer or aligner"):
        locating.read_fitted(here / "localizer", fold=7)


def test_predicting_before_fitting_says_what_to_do(here: Path) -> None:
    experiment = Experiment.open(LOCALIZER.model_copy(update={"name": "other"}))
    with pytest.raises(RunError, match="run train.py first"):
        predict_fold(experiment, 0)


def test_missing_annotations_are_named_with_the_keys_that_say_where(here: Path) -> None:
    config = LOCALIZER.model_copy(update={"truth": TruthConfig(folder="nowhere")})
    with pytest.raises(TruthError, match="nowhere/points1.json: these annotations are missing; truth.table="):
        Experiment.open(config)


def test_photos_that_annotations_know_nothing_of_are_told(here: Path, capsys: pytest.CaptureFixture) -> None:
    Experiment.open(LOCALIZER)
    told = f"truth.csv: 1 of the {len(LABELLED)} training photos have no head with box or points there"
    assert f"{told} and are not learnt from, the first is {UNLABELLED}" in capsys.readouterr().out


def test_annotations_of_other_pictures_are_refused_before_training(here: Path, survey: Path) -> None:
    root = survey / "input" / "survey"
    half = read(root / "truth.csv")
    half.loc[half["Image"] == "w_7.jpg", ["photo_width", "photo_height"]] = [144, 96]
    write(root / "half.csv", half)
    config = LOCALIZER.model_copy(update={"truth": TruthConfig(table="half.csv")})
    with pytest.raises(AnnotationsError, match=r"half.csv: w_7.jpg: the entry says 144 x 96, the photo is 288 x 192; mark this"):
        Experiment.open(config)


def test_variant_that_learns_nothing_goes_the_same_way(here: Path, survey: Path) -> None:
    path = survey / "edges.yaml"
    settings = {"variant": "edges", "point_weight": 0, "edges": EdgesConfig(sizes=[0.1, 0.2])}
    path.write_text(to_yaml(LOCALIZER.model_copy(update={"name": ""} | settings)))
    assert train.main([str(path)]) == 0
    assert predict.main([str(path)]) == 0
    assert (here / "edges" / "fold1" / "model.safetensors").exists()
    table = read(here / "edges" / "annotations.csv")
    assert sorted(table["Image"]) == sorted([*LABELLED, *TEST])
    found = table[table["status"] == "ok"]
    assert len(found) > 40 and (found["bonnet_tip_v"] == 0).all()  # a box and no points


def test_sd_is_calibrated_on_photos_of_other_folds(here: Path, truth: pd.DataFrame) -> None:
    kept = uncertainty.read(here / "twice" / "uncertainty.json")
    assert kept is not None and all(one is not None for one in kept.maps.values())
    assert uncertainty.read(here / "aligner" / "uncertainty.json") is None  # its sd says how far the views lie apart
    table = read(here / "twice" / "annotations.csv").set_index("Image")
    raw = pd.concat([read(here / "twice" / f"fold{fold}" / "annotations.csv") for fold in (0, 1)]).set_index("Image")
    dealt = folds.read(here / "folds.csv").set_index("Image")["fold"]
    mine = dealt.index[dealt >= 0]
    assert (table.loc[mine, "blowhole_sd"] != raw.loc[mine, "blowhole_sd"]).all()
    true = truth.set_index("Image").loc[mine.drop(UNLABELLED, errors="ignore")]
    off = table.loc[true.index, ["blowhole_x", "blowhole_y"]].to_numpy() - true[["blowhole_x", "blowhole_y"]].to_numpy()
    rms = np.sqrt(np.mean(off**2))
    assert 1 / 3 < np.sqrt(np.mean(table.loc[true.index, "blowhole_sd"] ** 2)) / rms < 3
