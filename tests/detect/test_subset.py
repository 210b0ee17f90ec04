import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.detect.subset import nested

NAMES = [f"w_{i}.jpg" for i in range(120)]


def test_more_labels_are_the_same_ones_and_others():
    few, more = nested(NAMES, 10, 0), nested(NAMES, 40, 0)
    assert len(few) == 10 and len(more) == 40 and set(few) < set(more)
    assert nested(NAMES, 0, 0) == sorted(NAMES)
    assert nested(NAMES, 10, 1) != few


@given(st.permutations(NAMES), st.integers(1, 100))
def test_order_and_other_photos_change_nothing(order, count):
    assert nested(order, count, 3) == nested(NAMES, count, 3)
    without_last = [name for name in NAMES if name != "w_119.jpg"]
    kept = set(nested(without_last, count, 3))
    assert set(nested(NAMES, count, 3)) - {"w_119.jpg"} <= kept


def test_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match="labelled=121: there are only 120"):
        nested(NAMES, 121, 0)
