"""A detector on a small made-up survey: no, one or two animals, each a grey body with a red head and a green fluke."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

import predict
import train
from tests.killed_fit import assert_ends_as_if_never_killed, needs_sigkill
from tests.left_by_a_fit import put
from whichwhale.annotations import build, read, write
from whichwhale.annotations.__main__ import main as annotating
from whichwhale.annotations.table import BOX
from whichwhale.competition import folds
from whichwhale.config import ConfigError, to_yaml
from whichwhale.detect import predicting, seen, sides
from whichwhale.detect.__main__ import main
from whichwhale.detect.asked import photos_of
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.experiment import Experiment
from whichwhale.detect.finding import load
from whichwhale.detect.fitting import fit_fold
from whichwhale.detect.predicting import predict_fold
from whichwhale.detect.score import score
from whichwhale.detect.sides import PairSides
from whichwhale.nets import Backbone
from whichwhale.runs import RunError, RunFolder, trained_on

LABELLED, TEST = [f"w_{n}.jpg" for n in range(37)], [f"w_{n}.jpg" for n in range(50, 58)]
ALWAYS, BROKEN, UNLABELLED = "w_36.jpg", "w_57.jpg", "w_3.jpg"
SIZE = (192, 128)


def draw_photo(rng: np.random.Generator, animals: int) -> tuple[np.ndarray, list[dict]]:
    """A photo of 192 x 128 px with animals side by side, and its rows; a head is 24 px wide, a fluke 16."""
    photo, rows = rng.normal([120, 110, 70], 6, (SIZE[1], SIZE[0], 3)), []
    for k in range(animals):
        x, y = rng.uniform(20, 40) + 90 * k, rng.uniform(30, 95)
        side = 1.0 - 0.2 * k
        cv2.line(photo, (int(x), int(y)), (int(x + 44), int(y)), (60, 60, 60), 8)
        for part, at, radius, colour in (("head", x, 12 * side, (30, 30, 250)), ("fluke", x + 44, 8 * side, (30, 250, 30))):
            corner, far = (round(at - radius), round(y - radius)), (round(at + radius), round(y + radius))
            cv2.rectangle(photo, corner, far, colour, -1)
            box = dict(zip(BOX, [corner[0] - 0.5, corner[1] - 0.5, far[0] - corner[0] + 1, far[1] - corner[1] + 1], strict=True))
            rows.append({"part": part, "k": k} | box)
    return photo.clip(0, 255).astype(np.uint8), rows


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of input and runs: 4 whales with 9 photos, one with a single one; a test photo that can't be read, a labelled one
    that has no row."""
    folder = tmp_path_factory.mktemp("sea")
    root, rng, rows = folder / "input" / "survey", np.random.default_rng(0), []
    (root / "imgs").mkdir(parents=True)
    for number, image in enumerate(LABELLED + TEST):
        photo, found = draw_photo(rng, (1, 2, 1, 0, 1, 2)[number % 6])
        cv2.imwrite(str(root / "imgs" / image), photo, [cv2.IMWRITE_JPEG_QUALITY, 95])
        common = {"Image": image, "photo_width": SIZE[0], "photo_height": SIZE[1]}
        rows += [common | {"item": f"{image}#{row.pop('k')}"} | row for row in found] or [common | {"status": "none"}]
    (root / "imgs" / BROKEN).write_bytes(b"not a photo")
    write(root / "parts.csv", build([row for row in rows if row["Image"] != UNLABELLED], []))
    whales = ["single" if image == ALWAYS else f"whale_{n % 4}" for n, image in enumerate(LABELLED)]
    pd.DataFrame({"Image": LABELLED, "whaleID": whales}).to_csv(root / "train.csv", index=False)
    sample = pd.DataFrame({"Image": TEST} | dict.fromkeys(sorted(set(whales)), 0.1))
    sample.to_csv(root / "sample_submission.csv", index=False)
    return folder


CONFIG = DetectConfig(
    name="parts",
    data={"skip_bad": True},
    folds={"count": 2},
    width=96,
    height=64,
    backbone={"name": "test_resnet", "weights": False},
    frozen_norms=False,
    pyramid={"strides": [4, 8], "width": 16, "depth": 1, "scales": 2, "ratios": [1.0]},
    augment={"photometric": "none", "quarters": False, "rotation": 0, "zoom": 0.1},
    per_epoch=36,
    threshold=0.25,
    fit={"epochs": 14, "batch_size": 6, "lr": 6e-3, "precision": "no", "validate_every": 20},
)


@pytest.fixture(scope="module")
def runs(survey: Path) -> Path:
    """Fitted and predicted by the real scripts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHICHWHALE_INPUT", str(survey / "input"))
        patch.setenv("WHICHWHALE_RUNS", str(survey / "runs"))
        path = survey / "parts.yaml"
        path.write_text(to_yaml(CONFIG.model_copy(update={"name": ""})))
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
    return read(survey / "input" / "survey" / "parts.csv")


def test_parts_are_found_in_photos_that_no_model_saw(here: Path, truth: pd.DataFrame) -> None:
    table = read(here / "parts" / "candidates.csv")
    for rows in (table[table["fold"] >= 0], table[table["Image"].isin(TEST)]):
        scores = score(rows, truth, CONFIG.threshold, {0: set(), 1: set()}).set_index("part")
        assert scores.loc["all", "ap50"] > 0.6, scores
        assert scores.loc["all", "iou"] > 0.6


def test_two_animals_are_two_items_and_the_larger_head_is_first(here: Path, truth: pd.DataFrame) -> None:
    found = read(here / "parts" / "annotations.csv")
    two = truth.loc[truth["item"].str.endswith("#1"), "Image"].unique()
    right = 0
    for image in set(two) & set(found["Image"]):
        heads = found[(found["Image"] == image) & (found["part"] == "head")].set_index("item")
        if len(heads) == 2:
            assert heads.loc[f"{image}#0", "width"] * heads.loc[f"{image}#0", "height"] >= (
                heads.loc[f"{image}#1", "width"] * heads.loc[f"{image}#1", "height"]
            )
            right += 1
    assert right >= 4


def test_tables_have_every_photo_with_its_fold(here: Path) -> None:
    dealt = folds.read(here / "folds.csv").set_index("Image")["fold"]
    for file in ("annotations.csv", "candidates.csv"):
        table = read(here / "parts" / file)
        first = table.drop_duplicates("Image").set_index("Image")
        assert list(first.index) == [*dealt.index, *TEST]
        left_out = dealt[dealt >= 0]
        assert (first.loc[left_out.index, "fold"] == left_out).all()
        assert (first.loc[[ALWAYS, *TEST], "fold"] == -2).all()
        assert first.loc[BROKEN, "status"] == "unreadable"
        assert set(table.loc[table["status"] == "ok", "part"]) == {"head", "fluke"}
        scores = table["score"].dropna()
        assert scores.min() >= (
            CONFIG.threshold if file == "annotations.csv" else CONFIG.least_score / 2 / len(CONFIG.looks)
        )  # the mean of two models
    assert len(table) > len(read(here / "parts" / "annotations.csv"))


def test_a_model_sees_only_the_labelled_photos_of_its_training(here: Path) -> None:
    experiment = Experiment.open(CONFIG)
    for fold in (0, 1):
        training, held_out = folds.train_validation(experiment.folds, fold)
        learnt = experiment.learnt_from(fold)
        assert set(learnt) == set(training) - {UNLABELLED}
        assert not set(learnt) & {*held_out, *TEST}
        listed = pd.read_csv(here / "parts" / f"fold{fold}" / "trained_on.csv")["Image"].tolist()
        assert listed == sorted(learnt)
        own = read(here / "parts" / f"fold{fold}" / "annotations.csv")
        assert not set(own["Image"]) & set(learnt)
    few = Experiment.open(CONFIG.model_copy(update={"labelled": 6})).learnt_from(0)
    more = Experiment.open(CONFIG.model_copy(update={"labelled": 12})).learnt_from(0)
    assert len(few) == 6 and set(few) < set(more) <= set(experiment.learnt_from(0))
    with pytest.raises(ValueError, match="labelled=400"):
        Experiment.open(CONFIG.model_copy(update={"labelled": 400})).learnt_from(0)


class Classifier(torch.nn.Module):
    """A backbone as a classifier's weights have it."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone(CONFIG.backbone)


def test_a_backbone_that_has_seen_what_is_held_out_is_refused(
    survey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(survey / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path))
    few = {"labelled": 6, "per_epoch": 0, "fit": CONFIG.fit.model_copy(update={"epochs": 1})}
    experiment = Experiment.open(CONFIG.model_copy(update=few))
    left_out, training = (folds.train_validation(experiment.folds, 0)[k] for k in (1, 0))
    classifier = tmp_path / "survey" / "classifier" / "fold1"
    trained_on.write(classifier, trained_on.photos_of(experiment.data.train, left_out[:3]))
    put(classifier.parent, CONFIG, Classifier(), 1)
    weights = CONFIG.backbone.model_copy(update={"weights": "survey/classifier/fold1/model.safetensors"})
    started = Experiment.open(CONFIG.model_copy(update=few | {"backbone": weights}))
    with pytest.raises(ConfigError, match=f"has learned from 3 of the {len(left_out)} photos that fold 0 holds out"):
        fit_fold(started, 0)
    assert not (tmp_path / "survey" / "parts" / "fold0").exists()
    # From photos that are not held out, and some of another data set: the detector has learned from them too.
    before = trained_on.photos_of(experiment.data.train, training[-8:]) | {(left_out[0], "someone else")}
    trained_on.write(classifier, before)
    RunFolder(classifier).write_weights(Classifier().state_dict())
    run = fit_fold(started, 0)
    mine = trained_on.photos_of(experiment.data.train, started.learnt_from(0))
    assert trained_on.read(run.path) == before | mine and len(mine) == 6
    assert trained_on.fault(run.weights) == ""
    assert seen.read(run.path) == {0: {image for image, _ in before | mine} - {left_out[0]}}
    predict_fold(started, 0)  # the photo of that name is scored


def test_targets_lie_on_the_pictures(here: Path) -> None:
    experiment = Experiment.open(CONFIG)
    targets = experiment.targets(["w_0.jpg", "w_9.jpg"])  # one animal, none
    head = targets.boxes[0][targets.parts[0] == 0][0]
    assert targets.boxes[1].shape == (0, 4)
    picture = experiment.pictures.images[targets.rows[0]].astype(int)
    red = (picture[..., 0] - picture[..., 1:].max(-1)) > 100
    rows, columns = np.nonzero(red)
    seen = [columns.min() - 0.5, rows.min() - 0.5, columns.max() - columns.min() + 1, rows.max() - rows.min() + 1]
    assert seen == pytest.approx(head.tolist(), abs=1.1)


def test_done_is_done(here: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    table = (here / "parts" / "annotations.csv").read_bytes()
    experiment = Experiment.open(CONFIG)
    fit_fold(experiment, 0)
    assert "fitted already" in capsys.readouterr().out
    monkeypatch.setattr(predicting, "detect", lambda *_, **__: pytest.fail("detections are there already"))
    predict_fold(experiment, 0)
    assert (here / "parts" / "annotations.csv").read_bytes() == table
    with pytest.raises(RunError, match="run train.py first"):
        predict_fold(Experiment.open(CONFIG.model_copy(update={"name": "other"})), 0)


@needs_sigkill
def test_killed_in_the_middle_of_an_epoch_it_ends_with_the_same_numbers(here: Path, survey: Path) -> None:
    def command(name: str) -> list[str]:
        few = ["labelled=5", "per_epoch=12", "fit.epochs=2", "fit.batch_size=4", "fit.checkpoint_minutes=0"]
        return [str(survey / "parts.yaml"), f"name={name}", "fold=0", "augment.photometric=light", *few]

    # Saved after steps 1 and 2 and at the epoch's end; it dies at step 1 of the next.
    assert_ends_as_if_never_killed(here, command, dies_at=4, checkpoint="epoch00001_step0000000")


def test_the_door_scores_lists_draws_and_cuts(here: Path, survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    root = survey / "input" / "survey"
    model, parts, photos = str(here / "parts"), str(root / "parts.csv"), str(root / "imgs")
    assert main(["score", model, parts, "--csv", str(tmp_path / "scores.csv")]) == 0
    told = capsys.readouterr().out
    assert f"1 photos are left out, the first is {ALWAYS}: fold 0's model, one of those that found it, was trained on it" in told
    scores = pd.read_csv(tmp_path / "scores.csv").set_index("part")
    assert scores.loc["all", "ap50"] > 0.5 and scores.loc["all", "boxes"] == scores.loc[["head", "fluke"], "boxes"].sum()
    assert main(["score", f"{model}/fold0", parts]) == 0
    capsys.readouterr()
    dealt, known = folds.read(here / "folds.csv"), set(read(Path(parts))["Image"])
    for where, kind, asked in (
        (model, "test", TEST),
        (f"{model}/fold0", "test", TEST),
        (model, "out-of-fold", dealt.loc[dealt["fold"] >= 0, "Image"]),
        (f"{model}/fold1", "out-of-fold", dealt.loc[dealt["fold"] == 1, "Image"]),
    ):
        assert photos_of(Path(where), kind) == set(asked)
        shown = set(asked) & known & set(read(Path(where) / "candidates.csv").query("status != 'unreadable'")["Image"])
        assert main(["score", where, parts, "--on", kind]) == 0
        assert f": {len(shown)} photos" in capsys.readouterr().out
    (tmp_path / "own").mkdir()
    shutil.copy(here / "parts" / "candidates.csv", tmp_path / "own")
    assert main(["score", str(tmp_path / "own"), parts, "--on", "test"]) == 2
    assert "has no fit's config.yaml" in capsys.readouterr().err
    sizes = ["--photos", photos, "--boxes", "--points"]
    assert annotating([*["convert", "--to", "yolo"], parts, str(tmp_path / "yolo"), *sizes[:3]]) == 0
    capsys.readouterr()
    assert main(["score", f"{model}/fold0", str(tmp_path / "yolo")]) == 2  # which knows the sizes of its own photos alone
    assert "no size is known of a photo" in (told := capsys.readouterr().err) and "annotations convert" in told
    for path in (tmp_path / "yolo" / "labels").glob("*.txt"):
        if f"{path.stem}.jpg" not in set(TEST) & set(known) - {"w_57.jpg"}:  # which can't be read
            path.unlink()
    assert main(["score", model, str(tmp_path / "yolo"), "--on", "test"]) == 0
    capsys.readouterr()
    (tmp_path / "list.txt").write_text(f"w_50.jpg\n{ALWAYS}\n")
    assert main(["score", model, parts, "--photos", str(tmp_path / "list.txt")]) == 2
    assert f"1 photos can't be scored, the first is {ALWAYS}" in capsys.readouterr().err
    assert main(["negatives", model, parts, "--threshold", "0.05", "--csv", str(tmp_path / "hard.csv")]) == 0
    hard = pd.read_csv(tmp_path / "hard.csv")
    assert "false positives" in capsys.readouterr().out and hard["score"].is_monotonic_decreasing
    assert main(["look", model, photos, str(tmp_path / "look.png"), "--truth", parts, "--count", "3", "--width", "240"]) == 0
    assert cv2.imread(str(tmp_path / "look.png")).shape == (320, 480, 3)
    arguments = ["--part", "head", "--most", "1", "--square", "photo", "--size", "32"]
    assert main(["crops", model, photos, str(tmp_path / "heads"), *arguments]) == 0
    table = pd.read_csv(tmp_path / "heads" / "crops.csv")
    assert table["Image"].is_unique and set(table["part"]) == {"head"}
    assert cv2.imread(str(tmp_path / "heads" / table.loc[0, "file"])).shape == (32, 32, 3)
    assert main(["crops", model, photos, str(tmp_path / "x"), "--part", "tail"]) == 2
    assert "has no tail" in capsys.readouterr().err
    assert main(["look", str(here / "nothing"), photos, str(tmp_path / "x.png")]) == 2
    assert main(["look", model, photos, str(tmp_path / "x.png"), "--count", "0"]) == 2
    assert "at least one photo" in capsys.readouterr().err


def test_new_photos_get_what_the_test_photos_got(here: Path, survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    expected = read(here / "parts" / "annotations.csv")
    expected = expected[expected["Image"].isin(TEST)].reset_index(drop=True)
    (tmp_path / "photos").mkdir()
    for image in TEST:
        (tmp_path / "photos" / image).write_bytes((survey / "input" / "survey" / "imgs" / image).read_bytes())
    out = tmp_path / "found.csv"
    assert main(["find", str(here / "parts"), str(tmp_path / "photos"), str(out)]) == 0
    assert "8 photos;" in capsys.readouterr().out
    found = read(out)
    pd.testing.assert_frame_equal(found[expected.columns], expected, rtol=1e-4, atol=1e-3)  # sums of another batch size
    parts = str(survey / "input" / "survey" / "parts.csv")
    assert main(["score", str(out), parts]) == 2  # who was trained on what?
    capsys.readouterr()
    assert main(["score", str(out), parts, "--model", str(here / "parts")]) == 0
    assert ": 7 photos" in capsys.readouterr().out
    assert main(["find", str(here / "nothing"), str(tmp_path / "photos"), str(out)]) == 2
    assert "no fitted detector" in capsys.readouterr().err


def test_what_tells_the_sides_goes_with_each_fold_model(here: Path, tmp_path: Path) -> None:
    copied, told = tmp_path / "parts", [PairSides("flipper_left", "flipper_right", [["head", "fluke"]], [2.0])]
    shutil.copytree(here / "parts", copied)
    assert load(copied).sides == [[], []]
    sides.write(copied / "fold1", told)
    assert load(copied).sides == [[], told]


def test_the_run_folder_says_what_was_learnt(here: Path) -> None:
    provenance = json.loads((here / "parts" / "fold0" / "provenance.json").read_text())
    assert provenance["parts"] == ["head", "fluke"]
    rows = [json.loads(line) for line in (here / "parts" / "fold0" / "metrics.jsonl").read_text().splitlines()]
    assert {"loss_part", "loss_box", "ap50", "ap50_95", "ap50_head", "ap50_fluke", "f1"} <= set(rows[-1])
