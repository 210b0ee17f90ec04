from dataclasses import replace

import cv2
import numpy as np
import pytest

from whichwhale.survey import conditions, parts, pose, scene, skin
from whichwhale.survey.identity import Whale
from whichwhale.survey.placement import Placement

WIDTH, HEIGHT = 480, 320
WHALE = Whale.draw(0, 0)
CLEAR = 0.05  # murk
RNG = np.random.default_rng(3)
SEA = replace(conditions.draw_sea(RNG), state=0, murk=CLEAR, colour=np.array([0.06, 0.14, 0.18]))
LIGHT = replace(conditions.draw_light(RNG), exposure=1.0, haze=0.0)
CAMERA = replace(conditions.draw_camera(RNG), tilt=0.0)
POSE = replace(
    conditions.draw_pose(RNG), roll=0.0, pitch=0.0, bend=0.0, flex=0.0, level=-0.15, sweep=(0.4, 0.4), droop=(0.2, 0.2)
)
PLACE = Placement(0.1, 0.0, 0.7, 0.5)


def _view(place: Placement = PLACE, **changes) -> pose.View:
    return pose.View(replace(POSE, **changes), CAMERA, place, WIDTH, HEIGHT)


def _boxes(view: pose.View, murk: float = CLEAR) -> dict[str, parts.Box]:
    return parts.boxes([(view, WHALE)], replace(SEA, murk=murk), LIGHT, (WIDTH, HEIGHT))[0]


@pytest.mark.parametrize(("heading", "roll", "tilt"), [(0.0, 0.0, 0.0), (2.2, 0.5, 0.0), (-1.0, -0.4, 0.8)])
def test_boxes_are_where_the_parts_are_drawn(heading, roll, tilt):
    camera = replace(CAMERA, tilt=tilt)
    place = Placement(0.08, heading, 0.5 + 0.15 * np.cos(heading), 0.5 + 0.2 * np.sin(heading))
    shot = scene.Shot((0, 1), place, replace(POSE, roll=roll), SEA, LIGHT, camera)
    drawn = scene.render(shot, WHALE, skin.draw(WHALE), WIDTH, HEIGHT).part
    found = _boxes(pose.View(shot.pose, camera, place, WIDTH, HEIGHT))
    d, compared = 0.08 * WIDTH, 0
    for part in ("head", "fluke", "flipper_left", "flipper_right"):
        # Where two parts meet the map has mixtures of their numbers, which are other parts': the largest piece is the part.
        mask = (drawn == pose.PARTS.index(part) + 1).astype(np.uint8)
        pieces = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:]
        left, top, across, down, area = pieces[pieces[:, 4].argmax()] if len(pieces) else np.zeros(5, int)
        if part not in found:
            assert area < 0.03 * d * d  # hardly any of it is to be seen
            continue
        x, y, width, height = found[part]
        edges, seen = [x, y, x + width, y + height], [left, top, left + across - 1, top + down - 1]
        assert np.abs(np.subtract(edges, seen)).max() < 0.16 * d, part
        compared += 1
    assert compared >= 3


def test_parts_of_a_level_whale_lie_where_they_belong():
    found = _boxes(_view())
    assert set(found) == set(parts.NAMES)
    centre = {part: (x + width / 2, y + height / 2) for part, (x, y, width, height) in found.items()}
    assert centre["fluke"][0] < centre["flipper_left"][0] < centre["head"][0]  # it heads right
    assert centre["flipper_left"][1] < centre["head"][1] < centre["flipper_right"][1]
    (x, y, width, height), (cx, cy, cwidth, cheight) = found["head"], found["callosities"]
    assert x <= cx + 1 and y <= cy + 1 and cx + cwidth <= x + width + 1 and cy + cheight <= y + height + 1
    for px, py in _view().points():
        assert x < px < x + width and y < py < y + height


def test_deep_in_murky_water_no_part_is_seen():
    assert _boxes(_view(level=2.0), murk=3.0) == {}
    shallow = _boxes(_view(), murk=3.0)
    assert "head" in shallow and "flipper_left" not in shallow and "flipper_right" not in shallow


def test_in_dark_water_callosities_show_where_the_head_is():
    dark = replace(SEA, murk=0.6, colour=np.full(3, 0.028))
    for level in (0.3, 0.45):
        found = parts.boxes([(_view(level=level), WHALE)], dark, LIGHT, (WIDTH, HEIGHT))[0]
        assert {"head", "callosities"} <= set(found)
        (x, y, width, height), (cx, cy, cwidth, cheight) = found["head"], found["callosities"]
        assert x <= cx and y <= cy and cx + cwidth <= x + width + 1e-9 and cy + cheight <= y + height + 1e-9


def test_what_lies_outside_the_photo_has_no_box():
    found = _boxes(_view(Placement(0.16, 0.0, 0.5, 0.5)))  # the fluke would lie 4.5 d behind: d is 77 px
    assert "fluke" not in found and "head" in found
    cut = _boxes(_view(Placement(0.16, 0.0, 0.9, 0.5)))["head"]
    assert cut[0] + cut[2] == pytest.approx(WIDTH - 0.5, abs=5) and cut[0] + cut[2] <= WIDTH - 0.5


def test_an_animal_that_is_drawn_later_covers_the_one_before():
    views = [(_view(), WHALE), (_view(Placement(0.1, 0.0, 0.7, 0.5)), WHALE)]
    first, second = parts.boxes(views, SEA, LIGHT, (WIDTH, HEIGHT))
    assert first == {} and second == _boxes(_view())
    apart = [(_view(Placement(0.06, 0.0, 0.7, 0.25)), WHALE), (_view(Placement(0.06, 0.0, 0.7, 0.75)), WHALE)]
    assert all(set(found) == set(parts.NAMES) for found in parts.boxes(apart, SEA, LIGHT, (WIDTH, HEIGHT)))


def test_skin_coordinates_and_their_inverse():
    x = np.array([1.1, 1.0, 0.5, -0.3])
    s, theta = parts._on_skin(x, np.array([0.0, 0.05, -0.2, 0.1]))
    assert np.allclose(parts.anatomy.along(s), x)
    assert np.allclose(theta * parts.anatomy.half_width(s), [0.0, 0.05, -0.2, 0.1])


def test_skin_fades_with_depth_and_less_so_in_bright_water():
    depth = np.array([0.1, 0.4, 1.0, 3.0])
    seen = parts.difference(depth, WHALE.skin, replace(SEA, murk=1.0), LIGHT)
    assert (np.diff(seen) < 0).all() and seen[-1] < 3
    dark = parts.difference(depth, WHALE.skin, replace(SEA, murk=1.0, colour=SEA.colour / 4), LIGHT)
    assert (dark < seen).all()
    assert np.allclose(
        parts.difference(depth, WHALE.skin, replace(SEA, murk=0.0), LIGHT), parts.difference(0, WHALE.skin, SEA, LIGHT)
    )
