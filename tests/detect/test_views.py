from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whichwhale.detect.config import MovesConfig
from whichwhale.detect.truth import exchanged
from whichwhale.detect.views import NONE, Targets, TrainingViews, draw_move, moved
from whichwhale.geometry import identity, mirrors, rotation, scaling
from whichwhale.pictures.store import Pictures

SIZE = (48, 32)
STILL = MovesConfig(quarters=False, rotation=0, zoom=0, shift=0, mirror=0, photometric="none")


def test_whole_view_and_what_is_cut_at_its_edge():
    boxes = np.array([[-0.5, -0.5, 48, 32], [-8.5, 3.5, 16, 8], [-14.5, 3.5, 16, 8], [10, 10, 1.5, 9]], float)
    edges, kept = moved(identity(), boxes, SIZE, 0.4)
    assert edges[0].tolist() == [0, 0, 48, 32] and edges[1].tolist() == [0, 4, 8, 12]
    assert kept.tolist() == [True, True, False, False]  # whole; half; an eighth; too narrow


def test_quarter_turns_and_mirrors_are_exact():
    middle, box = (23.5, 15.5), np.array([[9.5, 11.5, 12, 4]], float)  # centre 15.5, 13.5: 8 left and 2 over the middle
    edges, _ = moved(rotation(np.pi / 2, middle), box, SIZE, 0.4)
    assert edges[0] == pytest.approx([24, 2, 28, 14])  # turned: 2 right and 8 over; 4 wide and 12 high
    edges, _ = moved(scaling(-1, 1, middle), box, SIZE, 0.4)
    assert edges[0] == pytest.approx([48 - 22, 12, 48 - 10, 16])


@pytest.fixture
def pictures() -> Pictures:
    images = np.zeros((2, SIZE[1], SIZE[0], 3), np.uint8)
    images[0, 8:16, 4:20] = 255
    index = pd.DataFrame({"Image": ["a", "b"], "status": "ok", "width": SIZE[0], "height": SIZE[1]})
    return Pictures(Path(), "", images, index, np.tile(identity(), (2, 1, 1)))


TARGETS = Targets(
    np.array([0, 1]),
    [np.array([[3.5, 7.5, 16, 8], [39.5, 3.5, 4, 4]]), np.zeros((0, 4))],
    [np.array([1, 0]), np.zeros(0, np.int64)],
)
NAMES = exchanged(["head", "left", "right"], {"left": "right"})


def test_boxes_lie_on_what_they_are_boxes_of_in_every_move(pictures):
    moves = STILL.model_copy(update={"quarters": True, "zoom": 0.3, "shift": 0.1, "mirror": 0.5})
    views = TrainingViews(pictures, TARGETS, SIZE, moves, NAMES, 0)
    sides = set()
    for repeat in range(40):
        item = views(2 * repeat)
        side = item["labels"][(item["labels"] > 0)]
        if not len(side):
            continue
        sides.add(int(side[0]))
        left, top, right, bottom = item["boxes"][np.flatnonzero(item["labels"] > 0)[0]]
        rows, columns = np.nonzero(item["image"][..., 0] > 127)
        assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == pytest.approx(
            [left, top, right, bottom], abs=1.1
        )
    assert sides == {1, 2}  # a mirror image makes a left one a right one


def test_labels_change_sides_in_mirror_images_alone():
    assert NAMES.tolist() == [0, 2, 1]
    moves = MovesConfig(mirror=0.5)
    for number in range(20):
        draw = np.random.default_rng(number)
        matrix = draw_move(moves, draw, SIZE)
        again = np.random.default_rng(number)
        again.uniform(-1, 1, 4)
        again.integers(4)
        assert mirrors(matrix) == (again.random() < 0.5)


def test_draws_are_keyed_by_epoch_picture_and_repeat(pictures):
    moves = MovesConfig(photometric="light")
    one, two = (TrainingViews(pictures, TARGETS, SIZE, moves, NAMES, 5) for _ in range(2))
    two(1), two(4)  # another order, and other items in between
    assert np.array_equal(one(2)["image"], two(2)["image"]) and np.array_equal(one(2)["boxes"], two(2)["boxes"])
    assert not np.array_equal(one(0)["image"], one(2)["image"])  # the second repeat of the same picture
    first = one(0)["boxes"]
    one.set_epoch(1)
    assert not np.array_equal(one(0)["boxes"], first)


def test_items_of_few_and_many_boxes_have_one_shape(pictures):
    views = TrainingViews(pictures, TARGETS, SIZE, STILL, NAMES, 0)
    full, none = views(0), views(1)
    assert full["boxes"].tolist() == [[4, 8, 20, 16], [40, 4, 44, 8]] and full["labels"].tolist() == [1, 0]
    assert none["boxes"].shape == (2, 4) and none["labels"].tolist() == [NONE, NONE]
