from dataclasses import replace

import numpy as np
import pytest

from whichwhale.survey import anatomy, coat, lifelike, patterns

TEXELS = 60
COAT = coat.draw(patterns.draw(0, 1), TEXELS)
PLACES = coat.chart(TEXELS)
HIDE = lifelike.draw_look(np.random.default_rng(0)).hide
PLAIN = replace(
    HIDE, skin=np.full(3, 0.05), lice=np.full(3, 0.8), bare=0.0, speckle=0.0, mottling=0.0, bloom=0.0, rim=0.0, belly=0.0,
    gape=(0.0, 0.0), sunk=0.0, taper=0.0, stout=1.0,
)  # fmt: skip


def _paint(seed: int = 0, **changes) -> coat.Painted:
    return coat.paint(COAT, replace(PLAIN, **changes), 0.5, np.random.default_rng(seed))


def test_the_whale_alone_makes_the_coat():
    again, other = coat.draw(patterns.draw(0, 1), TEXELS), coat.draw(patterns.draw(0, 2), TEXELS)
    assert np.array_equal(again.field, COAT.field) and np.array_equal(again.cover, COAT.cover)
    a, b = COAT.field > 0, other.field > 0
    assert (a & b).sum() < 0.8 * (a | b).sum()


def test_the_pattern_is_the_same_in_every_photo_whatever_its_colours():
    dark = {"skin": np.full(3, 0.02), "lice": np.full(3, 0.3)}
    for seed, changes in ((0, {}), (1, {}), (2, dark)):
        albedo = _paint(seed, **changes).albedo.mean(-1)
        within, without = albedo[COAT.field > 0.015], albedo[COAT.field < -0.015]
        assert np.quantile(within, 0.05) > 2 * np.quantile(without, 0.95)


def test_the_strip_lies_where_the_whale_has_it():
    whale = patterns.draw(0, 1)
    middle = np.abs(PLACES.theta[0]).argmin()
    for x, q, breadth in whale.strip[::6]:
        row = np.abs(PLACES.x[:, 0] - x).argmin()
        if breadth > 0.03 and abs(q) < 0.02:
            assert COAT.field[row, middle - 1 : middle + 2].max() > 0


def test_light_skin_of_one_photo_is_not_that_of_the_next():
    a, b = _paint(0).gloss, _paint(1).gloss
    assert abs(np.corrcoef(a[COAT.field < 0].ravel(), b[COAT.field < 0].ravel())[0, 1]) < 0.3


@pytest.mark.parametrize("changes", [{"gape": (1.0, 1.0)}, {"gape": (0.0, 1.0)}, {"sunk": 0.2}, {"taper": 0.3}, {"stout": 1.3}])
def test_no_mouth_and_no_build_moves_the_points(changes):
    still, moved = _paint().surface, _paint(**changes).surface
    middle = np.abs(PLACES.theta[0]).argmin()
    for x in (0.0, 1.0):
        row = np.abs(PLACES.x[:, 0] - x).argmin()
        for a, b in zip(still, moved, strict=True):
            assert abs(a[row, middle] - b[row, middle]) < 0.005
    assert max(np.abs(a - b).max() for a, b in zip(still, moved, strict=True)) > 0.05


def test_relief_stays_within_a_hand_of_the_anatomy():
    surface = _paint().surface
    for (x, y, z), row in zip(anatomy.landmarks(), (1.0, 0.0), strict=True):
        at = np.abs(PLACES.x[:, 0] - row).argmin(), np.abs(PLACES.theta[0]).argmin()
        assert np.allclose([axis[at] for axis in surface], [x, y, z], atol=0.06)


def test_an_open_mouth_shows_its_inside_on_its_side_alone():
    shut, left = _paint(), _paint(gape=(1.0, 0.0), inside=np.full(3, 0.5))
    bare = (PLACES.inside > 0.9) & (COAT.field < -0.02)
    for side, opened in ((PLACES.theta < -0.1, True), (PLACES.theta > 0.1, False)):
        brighter = np.median(left.albedo[bare & side]) > 2 * np.median(shut.albedo[bare & side])
        assert brighter == opened


def test_blowholes_are_dark():
    row, column = np.abs(PLACES.x[:, 0]).argmin(), np.abs(PLACES.q[np.abs(PLACES.x[:, 0]).argmin()] - 0.055).argmin()
    assert PLACES.dark[row, column] < 0.5 and PLACES.dark[np.abs(PLACES.x[:, 0] - 0.6).argmin()].min() > 0.95
