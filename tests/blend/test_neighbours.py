"""Neighbours on a fit's own embeddings: the density by hand, who is looked among, and the member that it makes."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale import predictions
from whichwhale.blend.__main__ import main
from whichwhale.blend.neighbours import NeighboursError, neighbour_logits, write_neighbours
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions

WHALES = ["a", "b", "c"]
IMAGES = ["w_1.jpg", "w_2.jpg", "w_3.jpg", "w_4.jpg"]


def at(*degrees: float) -> np.ndarray:
    turn = np.deg2rad(degrees)
    return np.stack([np.cos(turn), np.sin(turn)], 1)


def test_the_density_by_hand() -> None:
    # rows 0, 1 are whale 0 at 0 and 60 degrees, row 2 is whale 2 at 90; row 3 is asked for, at 30
    z = neighbour_logits(at(0, 60, 90, 30), np.array([0, 1, 2]), np.array([0, 0, 2]), 3, 2.0)
    cos30, cos60 = math.cos(math.pi / 6), 0.5
    assert z[3, 0] == pytest.approx(math.log(2) + 2 * cos30)
    assert np.isnan(z[:, 1]).all()  # nobody of whale 1 is in the gallery
    assert z[3, 2] == pytest.approx(2 * cos60)
    assert z[0, 0] == pytest.approx(2 * cos60)  # its only other photo; not itself
    assert z[2, 2] == pytest.approx(-2)  # there is no other


@given(st.integers(0, 2**31), st.floats(40, 300))
def test_a_large_scale_takes_the_nearest(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(30, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery, whale = np.arange(20), np.arange(20) % 4
    z = neighbour_logits(vectors, gallery, whale, 4, scale)
    best = np.stack([(vectors[20:] @ vectors[:20][whale == c].T).max(1) for c in range(4)], 1)
    assert (z[20:] >= scale * best - 1e-9).all()
    assert (z[20:] <= scale * best + math.log(5) + 1e-9).all()  # five photos a whale


def test_turning_all_embeddings_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(12, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    one, other = (neighbour_logits(rows, np.arange(9), np.arange(9) % 3, 3, 10) for rows in (vectors, vectors @ turn))
    np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """runs/heads/m with two folds, input/heads and blend.yaml."""
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    home = tmp_path / "input" / "heads"
    home.mkdir(parents=True)
    pd.DataFrame({"Image": IMAGES, "whaleID": ["a", "a", "b", "c"]}).to_csv(home / "train.csv", index=False)
    pd.DataFrame({"Image": ["x.jpg"], "a": 1, "b": 0, "c": 0}).to_csv(home / "sample_submission.csv", index=False)
    items = [f"{image}#0" for image in [*IMAGES, "x.jpg"]]
    for fold, roles in enumerate(([0, 1, 0, 0, 2], [1, 0, 0, 0, 2])):
        about = {"views": 4, "averaging": "mean", "weights_sha": f"sha{fold}"}
        table = Predictions.of(items, roles, WHALES, None, at(0, 10, 90, 200, 80), **about)
        path = tmp_path / "runs" / "heads" / "m" / f"fold{fold}" / "predictions.npz"
        path.parent.mkdir(parents=True)
        predictions.write(path, table)
    (tmp_path / "blend.yaml").write_text("dataset: heads\nmembers: [m, m_neighbours]\n")
    return tmp_path / "runs" / "heads" / "m"


def test_each_fit_looks_among_the_photos_that_it_trained_on(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["neighbours", str(tmp_path / "blend.yaml"), "--scale", "5"]) == 0
    assert "2 predictions.npz written" in capsys.readouterr().out
    for fold, (asked, known) in enumerate(((10, 0), (0, 10))):
        table = predictions.read(model.with_name("m_neighbours") / f"fold{fold}" / "predictions.npz")
        row = int(np.flatnonzero(table.role == ROLE_VALIDATION)[0])
        expected = [5 * math.cos(math.radians(abs(asked - other))) for other in (known, 90, 200)]
        assert table.logits[row] == pytest.approx(expected, abs=1e-5)
        assert (table.views, table.weights_sha) == (4, f"sha{fold}")
        assert (table.role == ROLE_TRAIN).sum() == 3 and (table.role == ROLE_TEST).sum() == 1
    assert main(["neighbours", str(tmp_path / "blend.yaml"), "m", "--scale", "5"]) == 0
    assert "there already" in capsys.readouterr().out
    assert main(["neighbours", str(tmp_path / "blend.yaml"), "m", "--scale", "6"]) == 0
    assert "2 predictions.npz written" in capsys.readouterr().out


def test_what_is_missing_is_said(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(NeighboursError, match=r"fold0/predictions.npz: w_1.jpg is a training row, but the training table"):
        write_neighbours(model, {"w_2.jpg": 0}, WHALES, 5)
    with pytest.raises(NeighboursError, match="no fold"):
        write_neighbours(model.with_name("nobody"), {}, WHALES, 5)
    path = model / "fold0" / "predictions.npz"
    bare = Predictions.of(["w_1.jpg#0"], [ROLE_VALIDATION], WHALES, np.zeros((1, 3)))
    predictions.write(path, bare)
    with pytest.raises(NeighboursError, match="has no embedding"):
        write_neighbours(model, {}, WHALES, 5)
    predictions.write(path, Predictions.of(["w_1.jpg#0"], [ROLE_TEST], WHALES, None, at(0)))
    with pytest.raises(NeighboursError, match="has no training row"):
        write_neighbours(model, {}, WHALES, 5)
    assert main(["neighbours", str(tmp_path / "blend.yaml"), "--scale", "0"]) == 2
    assert "--scale 0: must be above 0" in capsys.readouterr().err
