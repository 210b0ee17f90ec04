"""What a net finds in several views of a photo, as one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from whichwhale.detect.config import DetectConfig
from whichwhale.detect.predicting import detect
from whichwhale.detect.sides import PairSides
from whichwhale.geometry import identity
from whichwhale.pictures.store import Pictures

PARTS = ["flipper_left", "flipper_right", "head"]
MIRRORED = {"flipper_left": "flipper_right"}
SIZE = (96, 64)


class Flippers(nn.Module):
    """Finds a red flipper of an animal from its blue head to its green fluke, and says which it is by the side on which it lies:
    so in a mirror image the other. Where the head is above the fluke it is surer."""

    def find(self, images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        found = []
        for image in images.float():
            red, green, blue = (self.box(channel) for channel in image)
            middles = [(one[:2] + one[2:]) / 2 for one in (red, green, blue)]
            (along_x, along_y), (across_x, across_y) = middles[1] - middles[2], middles[0] - middles[2]
            side = int(along_x * across_y - along_y * across_x < 0)
            score = 0.8 if middles[2][1] < middles[1][1] else 0.4
            found.append({"boxes": red[None], "scores": torch.tensor([score]), "labels": torch.tensor([side])})
        return found

    @staticmethod
    def box(channel: torch.Tensor) -> torch.Tensor:
        """Edges (left, top, right, bottom) of the bright pixels."""
        where = (channel > 200).nonzero().float()
        return torch.cat([where.min(0).values.flip(0), where.max(0).values.flip(0) + 1])


@pytest.fixture
def whale() -> Pictures:
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[4:8, 40:44, 2] = 255  # head, above
    image[50:54, 44:48, 1] = 255  # fluke
    image[20:28, 10:22, 0] = 255  # a flipper, on the left in the picture
    index = pd.DataFrame({"Image": ["a"], "status": "ok", "width": SIZE[0], "height": SIZE[1]})
    return Pictures(Path(), "", image[None], index, identity()[None])


def config(**views: bool) -> DetectConfig:
    return DetectConfig(parts=PARTS, mirrored=MIRRORED, width=SIZE[0], height=SIZE[1], views=views)


@pytest.mark.parametrize(
    ("views", "score"),
    [
        ({"turned": False, "mirror": False}, 0.8),
        ({"turned": False}, 0.8),  # a mirror image is as upright
        ({"mirror": False}, 0.6),
        ({}, 0.6),  # two upright ones, two upside down
    ],
)
def test_views_are_brought_back_sides_exchanged_in_mirror_images_and_fused(whale: Pictures, views: dict, score: float) -> None:
    found = detect(Flippers(), whale, config(**views), PARTS, ["a"])
    side = detect(Flippers(), whale, config(turned=False, mirror=False), PARTS, ["a"]).part[0]
    assert found.box == pytest.approx(np.array([[9.5, 19.5, 12, 8]]), abs=1e-5)  # one box: all views agree on place and side
    assert found.part.tolist() == [side] and found.score == pytest.approx([score])


def test_views_are_those_that_the_net_has_learned_from() -> None:
    plain = config()
    assert plain.looks == [(False, 0.0), (True, 0.0), (False, np.pi), (True, np.pi)]
    never = plain.augment.model_copy(update={"mirror": 0.0, "quarters": False})
    assert plain.model_copy(update={"augment": never}).looks == [(False, 0.0)]


class Guesser(nn.Module):
    """Finds head and fluke of `Flippers`' animal, and a flipper that may be either."""

    def find(self, images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        found = []
        for image in images.float():
            red, green, blue = (Flippers.box(channel) for channel in image)
            labels = torch.tensor([2, 3, 0, 1])
            found.append({"boxes": torch.stack([blue, green, red, red]), "scores": torch.full((4,), 0.4), "labels": labels})
        return found


def test_where_a_flipper_lies_tells_its_side(whale: Pictures) -> None:
    """Seen from above the animal swims up in the picture, so what lies to the left is its left."""
    asked = config().model_copy(update={"parts": [*PARTS, "fluke"]})
    told = [PairSides("flipper_left", "flipper_right", [["head", "fluke"]], [3.0])]
    guessed = detect(Guesser(), whale, asked, asked.parts, ["a"])
    assert dict(zip(guessed.part.tolist(), guessed.score, strict=True)) == pytest.approx({0: 0.4, 1: 0.4, 2: 0.4, 3: 0.4})
    found = detect(Guesser(), whale, asked, asked.parts, ["a"], told=told)
    score = dict(zip(found.part.tolist(), found.score, strict=True))
    assert score[0] + score[1] == pytest.approx(0.8) and score[2] == score[3] == pytest.approx(0.4)
    right = detect(Guesser(), whale, asked, asked.parts, ["a"], told=[replace(told[0], weights=[-3.0])])
    assert dict(zip(right.part.tolist(), right.score, strict=True))[1] == pytest.approx(score[0])
    assert score[0] > 0.7


def test_no_photo_is_nothing_found(whale: Pictures) -> None:
    assert len(detect(Flippers(), whale, config(), PARTS, []).score) == 0
