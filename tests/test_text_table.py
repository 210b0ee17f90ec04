"""Tables for a terminal."""

from whichwhale.text_table import text_table


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    found = text_table(["model", "log loss", "note"], [["a", "1.25", "x"], ["longer", "12.5", ""]], left=(0, 2))
    assert found.split("\n") == ["model   log loss  note", "a           1.25  x", "longer      12.5"]


def test_without_rows_the_head_stands_alone() -> None:
    assert text_table(["a", "bb"], []) == "a  bb"
