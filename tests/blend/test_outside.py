"""Somebody else's files as members: dealt into folds, refused with row and column, the same numbers in whatever form."""

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from whichwhale import predictions
from whichwhale.blend.__main__ import EXAMPLE, main
from whichwhale.blend.assemble import assemble
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.outside import OutsideError, take_in
from whichwhale.blend.outside_csv import read
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions
from whichwhale.score import SubmissionError, log_loss, submission

WHALES = ["a", "b", "c"]
TRAIN = {f"w_{n}.jpg": WHALES[n % 3] for n in range(12)} | {"only.jpg": "c"}
TEST = ["x_0.jpg", "x_1.jpg"]
P = np.random.default_rng(0).dirichlet(np.ones(3), 14)
IMAGES = [image for image in TRAIN if image != "only.jpg"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set with three folds; only.jpg always trains. oof.csv and test.csv are somebody's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHICHWHALE_INPUT", "input")
    monkeypatch.setenv("WHICHWHALE_RUNS", "runs")
    Path("input/sea").mkdir(parents=True)
    Path("runs/sea").mkdir(parents=True)
    Path("input/sea/train.csv").write_text("Image,whaleID\n" + "".join(f"{image},{whale}\n" for image, whale in TRAIN.items()))
    Path("input/sea/sample_submission.csv").write_text("Image,a,b,c\n" + "".join(f"{image},0,0,0\n" for image in TEST))
    rows = "".join(f"{image},{n % 3},closed\n" for n, image in enumerate(IMAGES))
    Path("runs/sea/folds.csv").write_text(f"Image,fold,kind\nonly.jpg,-1,closed\n{rows}")
    wide(IMAGES, P[:12]).to_csv("oof.csv", index=False)
    wide(TEST, P[12:]).to_csv("test.csv.gz", index=False)
    return tmp_path


def wide(images: list[str], p: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"Image": images} | {whale: p[:, column] for column, whale in enumerate(WHALES)})


def taken(*files: str, name: str = "theirs", replace: bool = False):
    config = EnsembleConfig(dataset="sea", members=[name])
    return take_in([Path(file) for file in files], config, name, replace)


def test_rows_are_dealt_by_folds_csv(place: Path) -> None:
    done = taken("oof.csv", "test.csv.gz")
    member = assemble("runs/sea/theirs", WHALES, list(TRAIN), "both")
    assert (member.images, member.test_images) == (IMAGES, TEST)
    assert member.fold.tolist() == [n % 3 for n in range(12)]
    np.testing.assert_allclose(softmax(member.z, axis=1), P[:12], rtol=1e-5)
    np.testing.assert_allclose(softmax(member.test_z, axis=1), P[12:], rtol=1e-5)
    assert done.told == ["12 out-of-fold rows, dealt by folds.csv; 2 of 2 test photos; 0 of 3 whales without a column"]
    for test in ("folds", "all"):  # whichever the blend asks for: a mean of equal rows
        np.testing.assert_allclose(assemble("runs/sea/theirs", WHALES, list(TRAIN), test).test_z, member.test_z, atol=1e-6)


def test_every_form_gives_the_same_member(place: Path) -> None:
    taken("oof.csv", "test.csv.gz", name="wide")
    long = [(image, whale, p) for image, row in zip(IMAGES, P, strict=False) for whale, p in zip(WHALES, row, strict=True)]
    pd.DataFrame(long, columns=["Image", "whale", "p"]).to_csv("long.csv", index=False)
    taken("test.csv.gz", "long.csv", name="long")
    rows = [f"{image}#0" for image in [*IMAGES, *TEST]]
    role = [ROLE_VALIDATION] * 12 + [ROLE_TEST] * 2
    predictions.write("one.npz", Predictions.of(rows, role, WHALES, np.log(P) + 3))
    taken("one.npz", name="npz")
    ours = assemble("runs/sea/wide", WHALES, list(TRAIN))
    for name in ("long", "npz"):
        other = assemble(f"runs/sea/{name}", WHALES, list(TRAIN))
        assert (other.images, other.test_images, other.fold.tolist()) == (ours.images, ours.test_images, ours.fold.tolist())
        np.testing.assert_allclose(other.z, ours.z, atol=1e-5)
        np.testing.assert_allclose(other.test_z, ours.test_z, atol=1e-5)


@given(seed=st.integers(0, 2**32 - 1))
def test_permuting_photos_or_classes_changes_nothing(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng, path = np.random.default_rng(seed), tmp_path_factory.mktemp("outside") / "oof.csv"
    table = wide(IMAGES, P[:12])
    table.sample(frac=1, random_state=seed % 2**31)[["Image", *rng.permutation(WHALES)]].to_csv(path, index=False)
    got = read(path, WHALES)
    order = [list(got.where).index(image) for image in IMAGES]
    np.testing.assert_array_equal(got.p[order][:, [got.class_id.index(whale) for whale in WHALES]], P[:12])


def test_their_own_folds(place: Path) -> None:
    table = wide(IMAGES, P[:12]).assign(fold=[[5, 7, 2][n % 3] for n in range(12)], whaleID=list(TRAIN.values())[:12])
    table.to_csv("oof.csv", index=False)
    assert "its own folds are those of folds.csv" in taken("oof.csv").told
    table.assign(fold=[n // 6 for n in range(12)]).to_csv("oof.csv", index=False)
    assert "its own folds are others than those of folds.csv" in taken("oof.csv", replace=True).told
    Path("runs/sea/folds.csv").unlink()
    assert "12 out-of-fold rows, by the column fold" in taken("oof.csv", replace=True).told[-1]
    assert assemble("runs/sea/theirs", WHALES, list(TRAIN)).fold.tolist() == [n // 6 for n in range(12)]
    table.drop(columns="fold").to_csv("oof.csv", index=False)
    with pytest.raises(OutsideError, match=r"w_0\.jpg has no fold \(12 rows\), .* add a column `fold`"):
        taken("oof.csv", replace=True)
    table.assign(fold=3).to_csv("oof.csv", index=False)
    with pytest.raises(OutsideError, match="all rows are of fold 3"):
        taken("oof.csv", replace=True)


def test_fits_as_they_are(place: Path) -> None:
    for fold in (2, 0, 1):
        role = [ROLE_VALIDATION if n % 3 == fold else ROLE_TRAIN for n in range(12)] + [ROLE_TEST] * 2
        logits = np.log(P) * (fold + 1)
        predictions.write(f"f{fold}.npz", Predictions.of([f"{image}#0" for image in [*IMAGES, *TEST]], role, WHALES, logits))
    done = taken("f2.npz", "f0.npz", "f1.npz")
    assert done.told[:3] == ["fold2: f2.npz", "fold0: f0.npz", "fold1: f1.npz"]
    np.testing.assert_allclose(log_softmax(done.member.test_z, axis=1), log_softmax(np.log(P[12:]) * 2, axis=1), atol=1e-5)
    with pytest.raises(OutsideError, match=r"f2\.npz: w_11\.jpg is a validation row, but in copy\.npz as well"):
        Path("copy.npz").write_bytes(Path("f2.npz").read_bytes())
        taken("copy.npz", "f2.npz", replace=True)
    with pytest.raises(OutsideError, match="can't be put together with CSVs"):
        taken("f0.npz", "test.csv.gz", replace=True)


def test_what_a_file_leaves_out(place: Path) -> None:
    table = wide([*IMAGES[:9], "only.jpg"], P[:10]).drop(columns="c")
    table[["a", "b"]] = table[["a", "b"]].div(table[["a", "b"]].sum(axis=1), axis=0)
    table.to_csv("oof.csv", index=False)
    told = "\n".join(taken("oof.csv").told)
    for line in (
        "1 rows left out: their photos always train", "3 photos of these folds have no row", "no test rows",
        "9 out-of-fold rows, dealt by folds.csv; 0 of 2 test photos; 1 of 3 whales without a column",
    ):  # fmt: skip
        assert line in told
    with pytest.raises(OutsideError, match=r"test\.csv\.gz: names other whales than oof\.csv \(1, first c\)"):
        taken("oof.csv", "test.csv.gz", replace=True)
    with pytest.raises(OutsideError, match="has no row of a labelled photo"):
        taken("test.csv.gz", replace=True)
    wide([f"w_{n}.jpg" for n in (0, 2, 3)], P[:3]).to_csv("oof.csv", index=False)
    with pytest.raises(OutsideError, match="has no row of a photo that fold 1 of"):
        taken("oof.csv", replace=True)


def test_a_zero_is_what_was_rounded_off(place: Path) -> None:
    Path("oof.csv").write_text("Image,a,b,c\nw_0.jpg,1,0,0\nw_1.jpg,0.99999999,0.00000001,0\nw_2.jpg,0.2,0.3,0.5\n")
    done = taken("oof.csv")
    assert done.told[0] == "oof.csv: 3 probabilities of zero, or near it, are taken as 5e-09"
    assert done.member.z[0, 0] - done.member.z[0, 1] == pytest.approx(-np.log(5e-9), rel=1e-5)
    Path("oof.csv").write_text("Image,a,b,c\nw_0.jpg,1,0,0\nw_1.jpg,0,1,0\nw_2.jpg,0,0,1\n")
    assert "are taken as 1e-06" in taken("oof.csv", replace=True).told[0]


def test_long_rows_may_name_the_best_alone(place: Path) -> None:
    Path("oof.csv").write_text("Image,whale,p\nw_0.jpg,b,0.6\nw_1.jpg,a,0.5\nw_1.jpg,c,0.1\n")
    np.testing.assert_allclose(read("oof.csv", WHALES).p, [[0.2, 0.6, 0.2], [0.5, 0.4, 0.1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Image,a,b,c\nw_0.jpg,0.5,x,0.5\n", "no probability (1):\n    line 2 (w_0.jpg), column b: 'x'"),
        ("Image,a,b,c\nw_0.jpg,0.5,-0.1,0.6\n", "column b: '-0.1'"),
        ("Image,a,b,c\nw_0.jpg,0.5,nan,0.5\n", "column b: 'nan'"),
        ("Image,a,b,c\nw_0.jpg,0.5,0.1,0.1\n", "sum off 1 by more than 0.001 (1):\n    line 2 (w_0.jpg): sum 0.7"),
        ("Image,a,b,c\nw_0.jpg,1,0\n", "wrong number of cells (1):\n    line 2 (w_0.jpg): 3, the header has 4"),
        ("Image,a,b,z\nw_0.jpg,1,0,0\n", "column 4: 'z'"),
        ("Image,a,a,b\nw_0.jpg,1,0,0\n", "column more than once (1):\n    'a': 2 times"),
        ("photo,a,b,c\nw_0.jpg,1,0,0\n", "line 1: the first column must be Image"),
        ("Image,Id\nw_0.jpg,a b c\n", "lists of guesses are no probabilities"),
        ("Image,a,b,c\n", "none below the header"),
        ("Image,a,b,c\nw_0.jpg,1,0,0\nw_0.jpg,1,0,0\n", "photo more than once (1):\n    line 3 (w_0.jpg), first in line 2"),
        ("Image,a,b,c\nw_0.jpg,1,0,0\ny.jpg,1,0,0\n", "neither labelled nor a test photo (1):\n    line 3 (y.jpg)"),
        ("Image,whaleID,a,b,c\nw_0.jpg,b,1,0,0\n", "line 2 (w_0.jpg): b, which is a"),
        ("Image,fold,a,b,c\nw_0.jpg,-1,1,0,0\n", "line 2 (w_0.jpg), column fold: '-1'"),
        ("Image,fold,a,b,c\nw_0.jpg,1.5,1,0,0\n", "column fold: '1.5'"),
        ("Image,whale,p\nw_0.jpg,z,1\n", "no whale of the data set (1):\n    line 2 (w_0.jpg): 'z'"),
        ("Image,whale,p\nw_0.jpg,a,0.5\nw_0.jpg,a,0.5\n", "whale more than once in a photo (1):\n    line 3 (w_0.jpg): a"),
        ("Image,whale,p,fold\nw_0.jpg,a,0.5,0\nw_0.jpg,b,0.5,1\n", "photo in two folds (1)"),
        ("Image,whale,p\nw_0.jpg,a,0.9\nw_0.jpg,b,0.9\n", "sum off 1 by more than 0.001"),
    ],
)
def test_a_wrong_file_is_refused_with_row_and_column(place: Path, text: str, message: str) -> None:
    Path("oof.csv").write_text(text)
    with pytest.raises(SubmissionError) as caught:
        taken("oof.csv", "test.csv.gz")
    assert str(caught.value).startswith("oof.csv: can't be taken in as predictions") and message in str(caught.value)
    assert [path.name for path in Path("runs/sea").iterdir()] == ["folds.csv"]


def test_nothing_of_ours_is_overwritten(place: Path) -> None:
    Path("runs/sea/ours/fold0").mkdir(parents=True)
    with pytest.raises(OutsideError, match="is there and was not made from files"):
        taken("oof.csv", name="ours", replace=True)
    taken("oof.csv")
    with pytest.raises(OutsideError, match="choose another name, or say --replace"):
        taken("oof.csv")
    with pytest.raises(OutsideError, match=r"oof\.csv: is named twice"):
        take_in([Path("oof.csv"), Path("oof.csv")], EnsembleConfig(dataset="sea", members=["m"]), "m")
    for name in ("", "a/b", ".hidden"):
        with pytest.raises(OutsideError, match="must be that of a folder"):
            taken("oof.csv", name=name) if name else take_in([Path("oof.csv")], EnsembleConfig(dataset="sea", members=["m"]), "")


def test_the_door(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["oof.csv", "test.csv.gz", "--dataset", "sea", "--name"]
    assert main(["import", *told, "theirs"]) == 0
    loss = log_loss(P[:12] * (1 - 3e-6) + 1e-6, [n % 3 for n in range(12)])
    assert f"out of fold: log loss {loss:.4f}" in capsys.readouterr().out
    wide(IMAGES, P[11::-1]).to_csv("oof.csv", index=False)
    assert main(["import", *told, "other"]) == 0
    assert main(["import", *told, "other"]) == 2
    assert "say --replace" in capsys.readouterr().err
    assert main(["score", "runs/sea/theirs", "runs/sea/other", "--json", "scores.json"]) == 0
    out = capsys.readouterr().out
    assert "Out-of-fold rows of sea, 12 photos that all have" in out and "theirs minus other, paired over 12 photos" in out
    assert "labelled photos  photos" in out and "training" not in out, "a photo that was left out is labelled, and trained no one"
    assert json.loads(Path("scores.json").read_text())["scores"]["theirs"]["log_loss"]["mean"] == pytest.approx(loss, rel=1e-5)
    Path("solution.csv").write_text("Image,whaleID\nx_0.jpg,a\nx_1.jpg,stranger\n")
    assert main(["score", "runs/sea/theirs", "--truth", "solution.csv"]) == 0
    out = capsys.readouterr().out
    assert "not in log loss  1 photos" in out and "training photos  photos" in out
    Path("kept").mkdir()
    Path("runs/sea/theirs").rename("kept/theirs")
    Path("runs/sea/theirs").symlink_to(Path("kept/theirs").absolute())
    assert main(["score", "runs/sea/theirs"]) == 0
    assert main(["score", "kept/theirs"]) == 2
    assert "must all lie in one runs/<dataset>" in capsys.readouterr().err
    assert main(["score", "runs/sea/nobody"]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert main(["import", "oof.csv", "data.root=lake", "--dataset", "sea", "--name", "m"]) == 2
    assert "lake" in capsys.readouterr().err


def test_the_helps_examples_can_be_typed(place: Path) -> None:
    """The first one, word by word."""
    words = shlex.split(next(line for line in EXAMPLE.splitlines() if "whichwhale.blend" in line))
    assert words[:4] == ["python", "-m", "whichwhale.blend", "import"]
    Path("submission.csv.gz").write_bytes(Path("test.csv.gz").read_bytes())
    assert main([word.replace("right_whale_heads", "sea") for word in words[3:]]) == 0
    assert {word for line in EXAMPLE.splitlines() if "-m whichwhale.blend" in line for word in line.split()[3:4]} == {
        "import",
        "score",
    }


def test_a_blend_with_a_stranger(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = pytest.importorskip("ensemble")
    taken("oof.csv", "test.csv.gz")
    wide(IMAGES, softmax(np.eye(3)[[n % 3 for n in range(12)]] + P[:12], axis=1)).to_csv("oof.csv", index=False)
    taken("oof.csv", "test.csv.gz", name="better")
    Path("e.yaml").write_text("dataset: sea\nmembers: [theirs, better]\n")
    assert ensemble.main(["e.yaml"]) == 0
    submission.validate("submissions/sea.csv.gz", "input/sea/sample_submission.csv")
    assert json.loads(Path("submissions/sea.json").read_text())["members"][0]["imported"]["files"][0]["name"] == "oof.csv"
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 0
    assert main(["score", "runs/sea/ensemble", "runs/sea/better"]) == 0
    assert "ensemble minus better, paired over 12 photos" in capsys.readouterr().out
