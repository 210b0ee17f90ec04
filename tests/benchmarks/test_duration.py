"""Durations in words."""

import pytest
from duration import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 min"), (89, "1 min"), (91, "2 min"), (3569, "59 min"), (3571, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_to_the_minute(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
