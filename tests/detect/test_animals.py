import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.detect.animals import number

HEAD, LEFT, FLUKE = 0, 1, 2
SIZE = (400.0, 300.0)


def test_parts_go_to_the_animal_that_they_lie_nearest_to():
    part = np.array([HEAD, HEAD, FLUKE, FLUKE, LEFT])
    box = np.array([[0, 0, 20, 20], [300, 0, 30, 30], [260, 10, 20, 10], [60, 10, 20, 10], [30, 20, 8, 8]], float)
    assert number(part, box, SIZE).tolist() == [1, 0, 0, 1, 1]  # the larger head is #0


def test_of_equal_heads_that_nearest_the_middle_is_first():
    box = np.array([[0, 0, 20, 20], [190, 140, 20, 20], [300, 0, 20, 20]], float)
    assert number(np.zeros(3, int), box, SIZE)[1] == 0


def test_what_lies_too_far_off_is_another_animal():
    part, box = np.array([HEAD, FLUKE]), np.array([[0, 0, 10, 10], [200, 0, 10, 10]], float)
    assert number(part, box, SIZE).tolist() == [0, 1]
    near = box.copy()
    near[1, 0] = 70
    assert number(part, near, SIZE).tolist() == [0, 0]


def test_without_a_head_the_next_part_makes_the_animals():
    part = np.array([FLUKE, LEFT, LEFT])
    box = np.array([[50, 0, 20, 10], [20, 0, 8, 8], [300, 200, 12, 12]], float)
    assert number(part, box, SIZE).tolist() == [1, 1, 0]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 300), st.floats(0, 200), st.floats(1, 60), st.floats(1, 60)), max_size=9)
)
def test_every_box_has_an_animal_and_no_animal_a_part_twice(rows):
    part = np.array([row[0] for row in rows], np.int64)
    item = number(part, np.array([row[1:] for row in rows], float).reshape(-1, 4), SIZE)
    assert len(set(zip(item.tolist(), part.tolist(), strict=True))) == len(rows)
    assert set(item.tolist()) == set(range(len(set(item.tolist()))))  # numbered without a gap
