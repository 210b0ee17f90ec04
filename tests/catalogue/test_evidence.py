"""Where two passports agree: cosine maps worked out by hand, and the picture's layout."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from whichwhale.catalogue.evidence import CAPTION, GAP, KEY, WIDTH, cosine_map, file_names, picture, write

E0, E1 = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def maps(cells: dict[tuple[int, int], np.ndarray], size: tuple[int, int] = (4, 5)) -> np.ndarray:
    """[2, h, w], zero but for the given cells (row, column)."""
    found = np.zeros((2, *size))
    for (row, column), feature in cells.items():
        found[:, row, column] = feature
    return found


def test_the_same_place() -> None:
    one, other = maps({(1, 2): 3 * E0, (3, 0): E0 + E1}), maps({(1, 2): 2 * E0, (3, 0): E0})
    expected = np.zeros((4, 5))
    expected[1, 2], expected[3, 0] = 1, np.sqrt(0.5)
    np.testing.assert_allclose(cosine_map(one, other, slack=0), expected, atol=1e-6)


def test_one_step_of_misalignment_is_forgiven_and_two_are_not() -> None:
    one = maps({(1, 1): E0})
    for row in range(4):
        for column in range(5):
            found = cosine_map(one, maps({(row, column): E0}))
            near = max(abs(row - 1), abs(column - 1)) <= 1
            assert found[1, 1] == pytest.approx(1.0 if near else 0.0)
            assert np.delete(found.ravel(), 6).max() == 0


def test_opposite_features() -> None:
    full = np.tile(E0[:, None, None], (1, 2, 2))
    np.testing.assert_allclose(cosine_map(full, -full), -1)
    with pytest.raises(ValueError, match="can't be compared"):
        cosine_map(full, full[:, :1])


def test_the_picture(tmp_path: Path) -> None:
    query, known = np.full((10, 20, 3), 200, np.uint8), np.full((10, 20, 3), 90, np.uint8)
    image = picture(
        query, known, np.ones((2, 4)), np.zeros((2, 4)), ("Björk.jpg", "a very long name " * 9 + "known.jpg: Ахаб 93%")
    )
    height = WIDTH // 2
    assert image.shape == (2 * (CAPTION + height) + GAP + KEY, 2 * WIDTH + GAP, 3)
    assert (image[:CAPTION, WIDTH - 4 : WIDTH + GAP] == 24).all(), "captions don't run into each other"
    key = image[-KEY // 2, WIDTH + GAP :].astype(int)
    assert key[0, 2] > key[0, 0] and key[-1, 0] > key[-1, 2], "from blue to red"
    other = picture(query, known, np.ones((2, 4)), np.zeros((2, 4)), ("Bjork.jpg", "known.jpg: Axa6 93%"))
    assert (image[:CAPTION, :WIDTH] != other[:CAPTION, :WIDTH]).any(), "letters with accents are drawn"
    assert (image[CAPTION : CAPTION + height, :WIDTH] == 200).all() and (
        image[CAPTION : CAPTION + height, WIDTH + GAP :] == 90
    ).all()
    below = 2 * CAPTION + height + GAP
    agree, differ = image[below:-KEY, :WIDTH].astype(int), image[below:-KEY, WIDTH + GAP :].astype(int)
    assert (agree[..., 0] > agree[..., 2]).all() and (differ[..., 2] > differ[..., 0]).all(), (
        "red where they agree, blue where not"
    )
    write(tmp_path / "seen" / "x.png", image)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "seen" / "x.png"))[..., ::-1], image)


def test_each_query_has_a_file_of_its_own() -> None:
    queries = ["ä.jpg", "ö.jpg", "w0/1.jpg", "w0_1.jpg", "w0/1.png", "A.jpg", "a.jpg", "\u0061\u0308.jpg", "a?b.jpg", "encounter"]
    assert file_names(queries) == [
        *("ä.png", "ö.png", "w0_1.png", "w0_1-2.png", "w0_1-3.png", "A.png", "a-2.png", "\u0061\u0308-2.png", "a_b.png"),
        "encounter.png",
    ]
