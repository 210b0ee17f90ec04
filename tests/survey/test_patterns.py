import numpy as np
import pytest

from whichwhale.survey import patterns
from whichwhale.survey.identity import BROKEN, CONTINUOUS, TYPE_SHARES, Whale

WHALES = [patterns.draw(0, number) for number in range(150)]


def _stretches(whale: Whale) -> list[np.ndarray]:
    """x of the knots of each unbroken stretch of the strip."""
    there = np.concatenate([[False], whale.strip[:, 2] > 0, [False]])
    ends = np.flatnonzero(there[1:] != there[:-1]).reshape(-1, 2)
    return [whale.strip[first:behind, 0] for first, behind in ends]


def test_the_key_alone_makes_the_pattern():
    a, b, other, elsewhere = (patterns.draw(*key) for key in ((3, 5), (3, 5), (3, 6), (4, 5)))
    assert np.array_equal(a.patches, b.patches) and np.array_equal(a.strip, b.strip) and a.key == (3, 5)
    assert not np.array_equal(a.strip, other.strip) and not np.array_equal(a.strip, elsewhere.strip)


def test_whales_differ_by_their_patterns_alone():
    assert len({(tuple(whale.skin), tuple(whale.cream), whale.mottling, whale.plump) for whale in WHALES}) == 1
    assert all(len(whale.scars) == len(whale.blotches) == 0 for whale in WHALES)


def test_a_continuous_pattern_is_one_stretch_from_coaming_to_bonnet():
    for whale in (whale for whale in WHALES if whale.callosity == CONTINUOUS):
        (stretch,) = _stretches(whale)
        assert stretch[0] < 0.28 and stretch[-1] > 0.99


def test_a_broken_pattern_lacks_a_part_of_its_strip():
    broken = [_stretches(whale) for whale in WHALES if whale.callosity == BROKEN]
    assert all(len(stretches) > 1 or np.ptp(stretches[0]) < 0.45 for stretches in broken)
    assert len({len(stretches) for stretches in broken}) >= 3


def test_types_occur_as_in_the_real_photos():
    share = np.mean([whale.callosity == BROKEN for whale in WHALES])
    assert abs(share - TYPE_SHARES[BROKEN]) < 0.13  # three standard errors of 150 whales


def test_patterns_lie_where_a_head_has_them():
    for whale in WHALES:
        assert (whale.strip[:, 2] <= 0.131).all() and (np.abs(whale.strip[:, 1]) < 0.15).all()
        x, q, length, breadth = whale.patches[:, :4].T
        assert ((x > -0.5) & (x < 1.2) & (np.abs(q) < 0.8) & (length > 0) & (breadth > 0)).all()


def test_a_stretch_ends_round():
    x = np.linspace(patterns.FROM, patterns.TO, patterns.KNOTS)
    blunt = np.where((x > 0.3) & (x < 0.6), 0.05, patterns.GONE)
    rounded = patterns._rounded(np.random.default_rng(0), x, blunt)
    there = np.flatnonzero(blunt > 0)
    assert np.array_equal(rounded > 0, blunt > 0)
    assert rounded[there[0]] < 0.025 > rounded[there[-1]] and rounded[there[len(there) // 2]] == pytest.approx(0.05)
    assert (np.diff(rounded[there[: len(there) // 2]]) >= 0).all()
