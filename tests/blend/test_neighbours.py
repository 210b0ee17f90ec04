"""Neighbours on a fit's own embeddings: the density by hand, who is looked among, and the member that it makes."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from whichwhale import predictions
from whichwhale.blend.neighbours import (
    SCALES,
    Gallery,
    NeighboursError,
    read_gallery,
    source_of,
    write_neighbours,
    write_neighbours_of,
)
from whichwhale.competition import read
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions

WHALES = ["a", "b", "c"]
IMAGES = ["w_1.jpg", "w_2.jpg", "w_3.jpg", "w_4.jpg"]


def at(*degrees: float) -> np.ndarray:
    turn = np.deg2rad(degrees)
    return np.stack([np.cos(turn), np.sin(turn)], 1)


def test_the_density_by_hand() -> None:
    # whale a at 0 and 60 degrees, b at 90; asked for: 30, then the gallery's own photos
    gallery = Gallery(at(0, 60, 90).astype(np.float32), np.array([0, 0, 1]), ["a", "b"], 2.0)
    cos30, cos60 = math.cos(math.pi / 6), 0.5
    assert gallery.logits(at(30))[0] == pytest.approx([math.log(2) + 2 * cos30, 2 * cos60], abs=1e-6)
    z = gallery.logits(at(0, 90, 30), np.array([0, 2, -1]))
    assert z[0, 0] == pytest.approx(2 * cos60, abs=1e-6)  # its only other photo; not itself
    assert z[1, 1] == pytest.approx(-2)  # there is no other
    assert z[2] == pytest.approx(gallery.logits(at(30))[0])


def spread(seed: int, count: int, dims: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dims))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(st.integers(0, 2**31), st.floats(40, 300))
def test_a_large_scale_takes_the_nearest(seed: int, scale: float) -> None:
    vectors, whale = spread(seed, 30, 5), np.arange(20) % 4
    z = Gallery(vectors[:20], whale, list("abcd"), scale).logits(vectors[20:])
    best = np.stack([(vectors[20:] @ vectors[:20][whale == c].T).max(1) for c in range(4)], 1)
    assert (z >= scale * best - 1e-9).all()
    assert (z <= scale * best + math.log(5) + 1e-9).all()  # five photos a whale


def test_turning_all_embeddings_changes_nothing() -> None:
    vectors, whale = spread(3, 12, 4), np.arange(9) % 3
    turn, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(4, 4)))
    one, other = (Gallery(rows[:9], whale, WHALES, 10).logits(rows[9:]) for rows in (vectors, vectors @ turn))
    np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """runs/heads/m with two folds, and input/heads."""
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
    return tmp_path / "runs" / "heads" / "m"


WHALE_OF = dict(zip(IMAGES, ["a", "a", "b", "c"], strict=True))


def test_each_fit_looks_among_the_photos_that_it_trained_on(model: Path) -> None:
    near = model.with_name("m_neighbours")
    assert write_neighbours(model, WHALE_OF, WHALES, 5) == [near / f"fold{k}" / "predictions.npz" for k in (0, 1)]
    for fold, (asked, known) in enumerate(((10, 0), (0, 10))):
        table = predictions.read(near / f"fold{fold}" / "predictions.npz")
        row = int(np.flatnonzero(table.role == ROLE_VALIDATION)[0])
        expected = [5 * math.cos(math.radians(abs(asked - other))) for other in (known, 90, 200)]
        assert table.logits[row] == pytest.approx(expected, abs=1e-5)
        assert (table.views, table.weights_sha) == (4, f"sha{fold}")
        assert (table.role == ROLE_TRAIN).sum() == 3 and (table.role == ROLE_TEST).sum() == 1
    kept = read_gallery(near / "fold0" / "gallery.npz")
    assert (kept.whales, kept.whale.tolist(), kept.scale) == (WHALES, [0, 1, 2], 5.0)
    np.testing.assert_array_equal(kept.embedding, at(0, 90, 200).astype(np.float32))
    assert source_of(near) == model and source_of(model) is None
    assert write_neighbours(model, WHALE_OF, WHALES, 5) == []  # there already
    assert len(write_neighbours(model, WHALE_OF, WHALES, 6)) == 2


def test_a_fitted_scale_is_the_best_at_its_best_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three whales' photos lie round three directions; two folds. Losses by another search for the power."""
    rng, images = np.random.default_rng(0), [f"w_{n}.jpg" for n in range(40)]
    whale_of = {image: WHALES[n % 3] for n, image in enumerate(images)}
    vectors = np.eye(3)[np.arange(40) % 3] + 0.6 * rng.normal(size=(40, 3))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    for fold in range(2):
        table = Predictions.of([f"{image}#0" for image in images], [int(n % 2 == fold) for n in range(40)], WHALES, None, vectors)
        predictions.write(tmp_path / "m" / f"fold{fold}" / "predictions.npz", table)
    assert len(write_neighbours(tmp_path / "m", whale_of, WHALES, "fit")) == 2
    about = json.loads((tmp_path / "m_neighbours" / "neighbours.json").read_text())
    losses = {float(scale): loss for scale, loss in about["fitted"]["log_loss"].items()}
    assert tuple(losses) == SCALES and about["scale"] == min(losses, key=losses.__getitem__)
    assert read_gallery(tmp_path / "m_neighbours" / "fold1" / "gallery.npz").scale == about["scale"]
    for scale in (5.0, 20.0, 160.0):
        z, truth = [], []
        for fold in range(2):
            out = np.arange(40) % 2 == fold
            z.append(Gallery(vectors[~out], np.arange(40)[~out] % 3, WHALES, scale).logits(vectors[out]))
            truth += (np.arange(40)[out] % 3).tolist()
        table, of = np.concatenate(z), truth

        def loss(power: float, table: np.ndarray = table, of: list[int] = of) -> float:
            return -log_softmax(power * table, axis=1)[np.arange(40), of].mean()

        by_hand = minimize_scalar(loss, bounds=(0, 9))
        assert losses[scale] == pytest.approx(by_hand.fun, abs=1e-4)
    with monkeypatch.context() as patch:
        patch.setattr("whichwhale.blend.neighbours.scale_losses", lambda *_: pytest.fail("fitted again on the same predictions"))
        assert write_neighbours(tmp_path / "m", whale_of, WHALES, "fit") == []
    predictions.write(tmp_path / "m" / "fold1" / "predictions.npz", Predictions.of(
        [f"{image}#0" for image in images], [0] * 40, WHALES, None, vectors))  # fmt: skip
    write_neighbours(tmp_path / "m", whale_of, WHALES, "fit")
    again = json.loads((tmp_path / "m_neighbours" / "neighbours.json").read_text())
    assert again["fitted"]["log_loss"] != about["fitted"]["log_loss"]
    write_neighbours(tmp_path / "m", whale_of, WHALES, 7)
    assert json.loads((tmp_path / "m_neighbours" / "neighbours.json").read_text()) == {"model": "m", "scale": 7}
    for path in (tmp_path / "m").glob("fold*/predictions.npz"):
        predictions.write(path, Predictions.of(["w_1.jpg#0"], [ROLE_TRAIN], WHALES, None, vectors[:1]))
    with pytest.raises(NeighboursError, match=r"m: no validation row, so no scale can be fitted; give a number"):
        write_neighbours(tmp_path / "m", whale_of, WHALES, "fit")


def test_an_ensemble_makes_those_that_it_names_and_leaves_others_alone(model: Path, tmp_path: Path) -> None:
    tables = read(tmp_path / "input" / "heads")
    assert write_neighbours_of(["m"], model.parent, tables, 5) == []
    assert len(write_neighbours_of(["m", "m_neighbours"], model.parent, tables, 5)) == 2
    somebodys = model.with_name("their_neighbours")
    somebodys.mkdir()
    assert write_neighbours_of(["their_neighbours"], model.parent, tables, 5) == []
    with pytest.raises(NeighboursError, match="nobody: has no fold"):
        write_neighbours_of(["nobody_neighbours"], model.parent, tables, 5)


def test_what_is_missing_is_said(model: Path, tmp_path: Path) -> None:
    with pytest.raises(NeighboursError, match=r"fold0/predictions.npz: w_1.jpg is a training row, but the training table"):
        write_neighbours(model, {"w_3.jpg": "b"}, WHALES, 5)
    with pytest.raises(NeighboursError, match="gallery.npz: not a readable gallery"):
        read_gallery(tmp_path / "gallery.npz")
    path = model / "fold0" / "predictions.npz"
    predictions.write(path, Predictions.of(["w_1.jpg#0"], [ROLE_VALIDATION], WHALES, np.zeros((1, 3))))
    with pytest.raises(NeighboursError, match="has no embedding"):
        write_neighbours(model, WHALE_OF, WHALES, 5)
    predictions.write(path, Predictions.of(["w_1.jpg#0"], [ROLE_TEST], WHALES, None, at(0)))
    with pytest.raises(NeighboursError, match="has no training row"):
        write_neighbours(model, WHALE_OF, WHALES, 5)
