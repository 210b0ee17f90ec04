"""What the sea covers: soft shares of one colour, where the head is in the passport plane."""

import cv2
import numpy as np
import pytest

from whichwhale.augment import generator, numbers
from whichwhale.augment.draws import Numbers
from whichwhale.augment.sea import Place, covered, glint, grid_of, soft_step, spray, wash, waterline
from whichwhale.geometry import compose, rotation, tilting
from whichwhale.passport.plane import PlaneView

VIEW = PlaneView(width=96, height=48)  # 48 px a d
DARK = np.full((48, 96, 3), 40, np.uint8)
PLACE = Place.of(VIEW.matrix(), VIEW.size)


def drawn(*key: int) -> Numbers:
    return numbers(generator(*key), "wash")


def test_a_place_is_where_the_cells_are_in_the_plane() -> None:
    assert grid_of((96, 48)) == (24, 12) and grid_of((97, 45)) == (25, 12)
    # The view spans -1.1..0.9 and -0.5..0.5 d; the first cell's middle is half a cell, 2 px or 1/24 d, from its corner.
    np.testing.assert_allclose([PLACE.x[0, 0], PLACE.y[0, 0]], [-1.1 + 1 / 24, -0.5 + 1 / 24], atol=1e-6)
    np.testing.assert_allclose([PLACE.x[-1, -1], PLACE.y[-1, -1]], [0.9 - 1 / 24, 0.5 - 1 / 24], atol=1e-6)


def test_the_place_moves_with_the_passport() -> None:
    turned = Place.of(compose(rotation(np.pi, VIEW.centre), VIEW.matrix()), VIEW.size)
    np.testing.assert_allclose(turned.x[::-1, ::-1], PLACE.x, atol=1e-6)
    np.testing.assert_allclose([PLACE.extent, turned.extent], [[1 - 1 / 12, 2 - 1 / 12]] * 2, atol=1e-6)
    leant = Place.of(compose(tilting(0.2, 0.0, VIEW.centre), VIEW.matrix()), VIEW.size)
    assert leant.x[6, 23] - leant.x[6, 22] > leant.x[6, 1] - leant.x[6, 0] > 0  # the right is farther away


def test_a_share_covers_by_hand() -> None:
    share = np.zeros((12, 24), np.float32)
    np.testing.assert_array_equal(covered(DARK, np.array([200.0, 100, 0]), share), DARK)
    share[:] = 0.25
    np.testing.assert_array_equal(covered(DARK, np.array([200.0, 100, 0]), share)[20, 30], [80, 55, 30])
    np.testing.assert_array_equal(covered(DARK, (200.0, 100, 0), 4 * share, 0.25)[20, 30], [80, 55, 30])
    share[:] = 1
    np.testing.assert_array_equal(covered(DARK, np.array([200.0, 100, 0]), share)[20, 30], [200, 100, 0])


def test_a_share_covers_within_a_level_whatever_the_picture() -> None:
    head = np.random.default_rng(1).integers(0, 256, (48, 96, 3), dtype=np.uint8)
    share = np.random.default_rng(2).random((12, 24), np.float32)
    large = cv2.resize(share, (96, 48))[..., None]
    by_hand = head + large * (np.array([250.0, 120, 3]) - head)
    assert np.abs(covered(head, (250.0, 120.0, 3.0), share) - by_hand).max() <= 1.51


def test_a_soft_step_by_hand() -> None:
    values = np.array([-1, 0, 0.5, 1, 2, 3], np.float32)
    np.testing.assert_allclose(soft_step(values, 0.0, 2.0), [0, 0, 0.15625, 0.5, 1, 1])


def whiter(picture: np.ndarray) -> np.ndarray:
    return picture[..., 1].astype(float) - 40


@pytest.mark.parametrize(("piece", "least", "most"), [(wash, 0.01, 0.4), (spray, 0.01, 0.45)])
def test_foam_and_blow_brighten_a_part_softly(piece, least: float, most: float) -> None:
    shares = []
    for k in range(60):
        light = whiter(piece(DARK, drawn(k), PLACE)) / 200
        assert light.min() >= 0
        shares.append(light.mean())
        steps = np.abs(np.diff(light, axis=1)).max()
        assert steps < 0.35  # soft: no edge of one pixel
    assert least < np.quantile(shares, 0.1) and np.quantile(shares, 0.9) < most


def test_the_blow_stands_at_the_second_point() -> None:
    """The mean over many draws is centred at the blowhole, wherever the wind blew; and moves with it."""
    for place, x, y in [(PLACE, -0.5, 0.0), (Place(-PLACE.x, PLACE.y), 0.5, 0.0)]:
        light = sum(whiter(spray(DARK, drawn(1, k), place)) for k in range(300))
        ys, xs = np.mgrid[0:48, 0:96]
        assert np.average(xs, weights=light) == pytest.approx((x + 1.1) * 48 - 0.5, abs=3)
        assert np.average(ys, weights=light) == pytest.approx((y + 0.5) * 48 - 0.5, abs=2)


def test_the_wash_lies_at_the_sides_and_on_either() -> None:
    upper = [whiter(wash(DARK, drawn(2, k), PLACE))[:24].sum() for k in range(100)]
    lower = [whiter(wash(DARK, drawn(2, k), PLACE))[24:].sum() for k in range(100)]
    mostly_above = np.mean(np.array(upper) > np.array(lower))
    assert 0.3 < mostly_above < 0.7


def test_beyond_the_water_line_is_sea_and_before_it_the_head() -> None:
    head = np.random.default_rng(0).integers(0, 80, (48, 96, 3), dtype=np.uint8)
    kept = []
    for k in range(60):
        covers = waterline(head, drawn(3, k), PLACE)
        same = (covers == head).all(-1)
        kept.append(same[PLACE_NEAR].mean())
        gone = cv2.erode((~same).astype(np.uint8), np.ones((15, 15)))  # beyond the soft edge
        if gone.sum() > 50:  # contrast is gone by three quarters or more
            assert covers[gone > 0].std(0).max() < 0.35 * head.std()
    assert min(kept) > 0.3 and 0.6 < np.mean(kept) < 0.98  # of the head about the middle of the two points


NEAR = (np.abs(PLACE.x) < 0.4) & (np.abs(PLACE.y) < 0.15)
PLACE_NEAR = cv2.resize(NEAR.astype(np.uint8), (96, 48), interpolation=cv2.INTER_NEAREST) > 0


def test_glitter_is_rare_bright_and_small() -> None:
    shares, sizes = [], []
    for k in range(60):
        light = whiter(glint(DARK, drawn(4, k)))
        assert light.min() >= 0
        bright = (light > 80).astype(np.uint8)
        shares.append(bright.mean())
        count, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        sizes += stats[1:, cv2.CC_STAT_AREA].tolist() if count > 1 else []
    assert 0.003 < np.mean(shares) < 0.15 and max(shares) < 0.35
    assert np.median(sizes) < 30  # px of 4608
