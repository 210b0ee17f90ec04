"""Tables in Markdown."""

from markdown_table import markdown_table


def test_a_line_a_row_below_the_rule() -> None:
    rows = ([name, str(number)] for number, name in enumerate(("one view", "")))
    assert markdown_table(["row", "log loss"], rows) == ["| row | log loss |", "|---|---|", "| one view | 0 |", "|  | 1 |"]
