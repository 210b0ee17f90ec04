"""Points that move with the picture, and draws that depend on nothing but their key."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from whichwhale.geometry import apply, compose, identity, invert, scaling, translation
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, MovesConfig, ViewsConfig
from whichwhale.localize.found import Found
from whichwhale.localize.predicting import look, prediction_moves
from whichwhale.localize.training import Targets, TrainingViews, draw_move
from whichwhale.pictures.frames import box_size
from whichwhale.pictures.store import Pictures

SIZE = (96, 64)
POINTS = np.array([[70.2, 45.6], [30.4, 33.3]])


def spot(width: int, height: int, x: float, y: float) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    return 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))


@pytest.fixture(scope="module")
def dots() -> Pictures:
    """One picture, larger than a view: a red dot at the first point, a green one at the second."""
    picture = np.stack([spot(120, 80, *POINTS[0]), spot(120, 80, *POINTS[1]), np.zeros((80, 120))], -1)
    index = pd.DataFrame({"Image": ["a.jpg"], "status": ["ok"]})
    return Pictures(Path("nowhere"), "", picture.astype(np.uint8)[None], index, np.eye(2, 3)[None])


def centre(channel: np.ndarray) -> np.ndarray:
    weight = channel.astype(float)
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


MOVES = MovesConfig(rotation=180, zoom=0.2, shift=0.05, photometric="none")


@pytest.mark.parametrize("epoch", range(12))
def test_points_move_with_the_picture(dots: Pictures, epoch: int) -> None:
    views = TrainingViews(dots, Targets(np.array([0]), POINTS[None], np.array([[20.0, 10.0]])), SIZE, MOVES, seed=3)
    views.set_epoch(epoch)
    item = views(0)
    assert item["image"].shape == (64, 96, 3)
    for channel, point in enumerate(item["points"]):
        if item["weight"][channel] and (point > 8).all() and (point < np.array(SIZE) - 9).all():
            assert centre(item["image"][..., channel]) == pytest.approx(point, abs=0.1)
    zoom = float(box_size(item["extent"]) / box_size([20.0, 10.0]))
    assert 1 / 1.2 - 1e-6 <= zoom <= 1.2 + 1e-6
    if item["weight"].all():
        apart = zoom * np.linalg.norm(POINTS[0] - POINTS[1])
        assert np.linalg.norm(item["points"][0] - item["points"][1]) == pytest.approx(apart, rel=1e-4)


def test_draws_are_keyed_by_seed_epoch_and_item(dots: Pictures) -> None:
    def item(seed: int, epoch: int) -> dict:
        moves = MovesConfig(photometric="heavy")
        views = TrainingViews(dots, Targets(np.array([0]), POINTS[None], np.array([[20.0, 10.0]])), SIZE, moves, seed)
        views.set_epoch(epoch)
        return views(0)

    assert (item(1, 5)["image"] == item(1, 5)["image"]).all()
    assert (item(1, 5)["points"] != item(1, 6)["points"]).any()
    assert (item(1, 5)["points"] != item(2, 5)["points"]).any()


def test_the_animal_stays_in_view_where_it_must(dots: Pictures) -> None:
    corner = np.array([[[118.0, 78.0], [30.0, np.nan]]])
    views = TrainingViews(dots, Targets(np.array([0]), corner, np.array([[20.0, 10.0]]), keep=0), SIZE, MOVES, seed=0)
    places = []
    for epoch in range(40):
        views.set_epoch(epoch)
        item = views(0)
        places.append(item["points"][0])
        assert item["weight"].tolist() == [1, 0]
        assert item["points"][1].tolist() == [0, 0]  # unknown: a number, but of no weight
    assert np.ptp(places, 0) == pytest.approx(SIZE, rel=0.25)  # all over the view


def test_photometry_leaves_the_cached_picture_alone(dots: Pictures) -> None:
    before = dots.images.copy()
    views = TrainingViews(dots, Targets(np.array([0]), POINTS[None], np.ones((1, 2))), SIZE, MovesConfig(photometric="heavy"), 0)
    for epoch in range(5):
        views.set_epoch(epoch)
        views(0)
    assert (dots.images == before).all()


@given(st.integers(0, 2**31))
def test_without_change_the_move_is_the_identity(seed: int) -> None:
    still = MovesConfig(rotation=0, zoom=0, shift=0, mirror=0)
    assert draw_move(still, np.random.default_rng(seed), SIZE) == pytest.approx(identity())


def test_prediction_views_keep_the_middle_and_are_all_different() -> None:
    moves = prediction_moves(ViewsConfig(rotations=[0, 90, 180, 270], mirror=True), (64, 64))
    assert moves[0] == pytest.approx(identity())
    middle, point = np.array([31.5, 31.5]), np.array([50.0, 40.0])
    places = [apply(move, point).round(6).tolist() for move in moves]
    assert all(apply(move, middle) == pytest.approx(middle) for move in moves)
    assert len({tuple(place) for place in places}) == 8
    assert all(apply(compose(move, invert(move)), point) == pytest.approx(point) for move in moves)
    turned = cv2.rotate(np.arange(9, dtype=np.uint8).reshape(3, 3), cv2.ROTATE_90_CLOCKWISE)
    assert turned[0, 2] == 0  # a positive quarter turn takes the upper left corner to the upper right one
    quarter = prediction_moves(ViewsConfig(rotations=[90], mirror=False), (3, 3))[0]
    assert apply(quarter, [0.0, 0.0]) == pytest.approx([2.0, 0.0])


def test_prediction_views_are_enlarged_about_the_middle_each_zoom_at_each_rotation() -> None:
    config = ViewsConfig(rotations=[0, 180], zooms=[1.0, 2.0, 0.5], mirror=False)
    moves = prediction_moves(config, (5, 3))
    assert len(moves) == config.count == 6 and ViewsConfig(rotations=[0, 180], mirror=True).count == 4
    right = [apply(move, [3.0, 1.0]).tolist() for move in moves]  # one px right of the middle
    expected = [[3.0, 1.0], [1.0, 1.0], [4.0, 1.0], [0.0, 1.0], [2.5, 1.0], [1.5, 1.0]]
    assert np.array(right) == pytest.approx(np.array(expected))


class Dots(nn.Module):
    """Finds the dots where they are; but where they don't lie level, too far down by 3 px of the view."""

    weights_from = "nowhere"

    def find(self, images: torch.Tensor) -> Found:
        points = torch.stack([torch.from_numpy(np.stack([centre(one[channel].numpy()) for channel in (0, 1)])) for one in images])
        level = (points[:, 0, 1] - points[:, 1, 1]).abs() < 1
        points[..., 1] += torch.where(level, 0, 3)[:, None]
        return Found(points, torch.full((len(images), 2), 0.9), None, torch.full((len(images), 2), 2.0))


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_where_views_disagree_the_head_is_looked_at_once_more_and_level(dots: Pictures, scale: float) -> None:
    pictures = replace(dots, matrix=scaling(1 / scale)[None])  # the photo is so much larger
    config = AlignerConfig(size=96, views=ViewsConfig(rotations=[0, 180], mirror=False))
    first = look(Dots(), pictures, np.array([0]), config)
    again = look(Dots(), pictures, np.array([0]), config.model_copy(update={"look_again": 0.01}))
    sure = look(Dots(), pictures, np.array([0]), config.model_copy(update={"look_again": 0.2}))
    assert np.array_equal(sure.points, first.points)
    assert np.abs(first.points[0] - scale * POINTS).max() == pytest.approx(3 * scale, abs=0.1)  # one view above, one below
    assert again.points[0] == pytest.approx(scale * np.stack([POINTS, POINTS]), abs=0.15 * scale)
    assert again.spread == pytest.approx(np.full((1, 2, 2), 2 * scale), rel=1e-6)  # px of the photo


class Small(nn.Module):
    """Finds a white head; of a larger one than 24 px no more than that, and less surely."""

    def find(self, images: torch.Tensor) -> Found:
        centres, extents, scores = [], [], []
        for one in images[:, 0].numpy():
            rows, columns = np.nonzero(one > 100)
            size = np.array([np.ptp(columns) + 1.0, np.ptp(rows) + 1.0])
            centres.append([[columns.mean(), rows.mean()]])
            extents.append(np.minimum(size, 24.0))
            scores.append([0.9 if size.max() <= 25 else 0.3])
        found = (torch.tensor(np.array(each)) for each in (centres, scores, extents))
        return Found(*found)


@pytest.mark.parametrize("side", [20, 48])
def test_a_head_that_fills_its_photo_is_found_from_further_away(side: int) -> None:
    image = np.zeros((1, 64, 96, 3), np.uint8)
    image[:, 8 : 8 + side, 20 : 20 + side] = 255
    index = pd.DataFrame({"Image": ["a.jpg"], "status": ["ok"], "width": [192.0], "height": [128.0]})
    pictures = Pictures(Path("nowhere"), "", image, index, scaling(0.5)[None])  # a photo of 192 x 128 px
    config = LocalizerConfig(width=96, height=64, point_weight=0, views=ViewsConfig(rotations=[0, 180], mirror=False))
    usual = look(Small(), pictures, np.array([0]), config)
    # The photo's own box size is 163 px. At 0.45 of the view the head of 48 px is one of 22 px, found whole.
    stepped = look(Small(), pictures, np.array([0]), config.model_copy(update={"step_back": 0.3}))
    never = look(Small(), pictures, np.array([0]), config.model_copy(update={"step_back": 0.65}))
    assert usual.extent == pytest.approx(np.full((1, 2, 2), 2.0 * min(side, 24)), abs=1e-9)
    assert np.array_equal(never.extent, usual.extent)
    assert stepped.extent == pytest.approx(np.full((1, 2, 2), 2.0 * side), rel=1e-9 if side == 20 else 0.06)
    middle = 2 * np.array([20 + (side - 1) / 2, 8 + (side - 1) / 2])
    assert stepped.points == pytest.approx(np.broadcast_to(middle, (1, 2, 1, 2)), abs=0.01 if side == 20 else 2.5)


def test_a_training_view_lies_about_one_of_its_boxes(dots: Pictures) -> None:
    still = MovesConfig(rotation=0, zoom=0, shift=0, mirror=0, photometric="none")
    bases = [np.stack([translation(-12, -8), translation(-20, -8), translation(-12, -2)])]
    views = TrainingViews(dots, Targets(np.array([0]), POINTS[None], np.array([[20.0, 10.0]]), bases=bases), SIZE, still, seed=0)
    seen = set()
    for epoch in range(20):
        views.set_epoch(epoch)
        seen.add(tuple((views(0)["points"][0] - POINTS[0].astype(np.float32)).round(3).tolist()))
    assert seen == {(-12, -8), (-20, -8), (-12, -2)}


def test_channels_weigh_what_they_should(dots: Pictures) -> None:
    targets = Targets(np.array([0]), POINTS[None], np.array([[20.0, 10.0]]), weights=(1.0, 0.25))
    still = MovesConfig(rotation=0, zoom=0, shift=0, mirror=0, photometric="none")
    assert TrainingViews(dots, targets, SIZE, still, seed=0)(0)["weight"].tolist() == [1.0, 0.25]
