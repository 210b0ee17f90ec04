"""Turning heads level inside a network: the same geometry as outside it, and pixels that land where points do."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from whichwhale import geometry
from whichwhale.localize import levelling

coordinate = st.floats(-50, 150)
pairs = st.tuples(coordinate, coordinate, coordinate, coordinate).filter(lambda p: np.hypot(p[0] - p[2], p[1] - p[3]) > 4)
PLACES = torch.tensor([[31.5, 31.5], [95.5, 31.5]], dtype=torch.float64)


def pair(values: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).reshape(1, 2, 2)


@given(pairs)
def test_similarity_is_the_one_of_geometry(values: tuple[float, ...]) -> None:
    matrix = levelling.similarity(pair(values), PLACES)[0].numpy()
    assert matrix == pytest.approx(geometry.similarity_from_points(np.reshape(values, (2, 2)), PLACES.numpy()), abs=1e-8)


@given(pairs, st.floats(-4, 4), st.floats(0.3, 3), coordinate, coordinate)
def test_a_moved_picture_is_levelled_the_same(values: tuple[float, ...], turn: float, zoom: float, dx: float, dy: float) -> None:
    move = geometry.compose(geometry.rotation(turn), geometry.scaling(zoom), geometry.translation(dx, dy))
    points = torch.tensor([[[3.0, 4.0], [60.0, -7.0], [10.0, 80.0]]], dtype=torch.float64)
    other = torch.from_numpy(geometry.apply(move, points[0].numpy()))[None]
    before = levelling.apply(levelling.similarity(pair(values), PLACES), points)
    led = torch.from_numpy(geometry.apply(move, pair(values)[0].numpy()))[None]
    assume((led[0, 0] - led[0, 1]).norm() > levelling.LEAST)
    after = levelling.apply(levelling.similarity(led, PLACES), other)
    assert after.numpy() == pytest.approx(before.numpy(), abs=1e-6 * max(1.0, float(before.abs().max())))


@given(pairs, coordinate, coordinate)
def test_inverse_is_the_identity(values: tuple[float, ...], x: float, y: float) -> None:
    matrix, point = levelling.similarity(pair(values), PLACES), torch.tensor([[[x, y]]], dtype=torch.float64)
    back = levelling.apply(levelling.invert(matrix), levelling.apply(matrix, point))
    assert back.numpy() == pytest.approx(point.numpy(), abs=1e-9)


def test_points_that_coincide_still_give_a_finite_window() -> None:
    same = torch.tensor([[[20.0, 30.0], [20.0, 30.0]], [[20.0, 30.0], [20.0, 30.4]]])
    matrix = levelling.similarity(same, PLACES.float())
    scale = torch.linalg.det(matrix[..., :2]).abs().sqrt()
    assert scale.tolist() == pytest.approx([64 / levelling.LEAST] * 2)  # as if they were LEAST px apart
    middle = levelling.apply(matrix, same.mean(1, keepdim=True))[:, 0]
    assert middle.numpy() == pytest.approx(np.array([[63.5, 31.5]] * 2), abs=1e-3)


def test_identity_shows_the_picture_itself_and_black_outside() -> None:
    image = torch.arange(2 * 3 * 5 * 7, dtype=torch.uint8).reshape(2, 3, 5, 7)
    still = torch.eye(2, 3).expand(2, 2, 3)
    assert torch.allclose(levelling.sample(image, still, (7, 5)), image.float(), atol=1e-3)
    shifted = levelling.sample(image, torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]).expand(2, 2, 3), (7, 5))
    assert torch.allclose(shifted[..., 2:], image[..., :-2].float(), atol=1e-3)
    assert not shifted[..., :2].any()


@pytest.mark.parametrize("turn", [0.0, 40.0, 131.0, 250.0])
def test_pixels_land_where_points_do(turn: float) -> None:
    """Two soft dots of a picture at any angle come to the two places."""
    middle, half = np.array([50.0, 45.0]), 18 * np.array([np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))])
    points = np.stack([middle - half, middle + half])
    rows, columns = np.mgrid[:90, :100]
    dots = [250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.5**2)) for x, y in points]
    image = torch.from_numpy(np.stack([*dots, np.zeros((90, 100))]))[None]
    matrix = levelling.similarity(torch.from_numpy(points).float()[None], PLACES.float())
    window = levelling.sample(image, matrix, (128, 64))[0].double().numpy()
    assert window.shape == (3, 64, 128)
    for channel, place in enumerate(PLACES.tolist()):
        weight = window[channel]
        found = [(weight.sum(axis) * np.arange(weight.shape[1 - axis])).sum() / weight.sum() for axis in (0, 1)]
        assert found == pytest.approx(place, abs=0.1)
