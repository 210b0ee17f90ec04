"""keras-retinanet's CSV: edges, photos without boxes, malformed lines named."""

from pathlib import Path

import pytest

from whichwhale import annotations
from whichwhale.annotations import retinanet
from whichwhale.annotations.reading import FormatError


def test_corners_count_edges(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "imgs/a.jpg,0,0,40,30,head\nimgs/a.jpg,1,2,3,5,fluke\nimgs/b.jpg,,,,,\n\nimgs/a.jpg,1,1,9,9,head\n"
    )
    loaded = retinanet.read(tmp_path / "a.csv", ["eye"])
    table = loaded.table
    assert annotations.validate(table) == []
    assert table[["item", "part", "x", "width", "height"]].values.tolist()[:3] == [
        ["a.jpg#0", "head", -0.5, 40, 30],
        ["a.jpg#0", "fluke", 0.5, 2, 3],
        ["a.jpg#1", "head", 0.5, 8, 8],
    ]
    assert table["status"].tolist() == ["ok", "ok", "ok", "none"] and table["eye_v"].tolist() == [0] * 4
    assert loaded.entries == ["line 1", "line 2", "line 5", "b.jpg"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg,1,2,3,4", "has 5 cells"),
        (",1,2,3,4,head", "has 6 cells"),
        ("a.jpg,x,2,3,4,head", "x1 is 'x', must be a number"),
        ("a.jpg,1,2,,4,head", "x2 is '', must be a number"),
        ("a.jpg,3,2,3,4,head", "x2 is 3, must be above x1 = 3"),
        ("a.jpg,1,5,3,4,head", "y2 is 4, must be above y1 = 5"),
        ("a.jpg,1,2,3,4,", "has no class"),
        ("other/ok.jpg,1,2,3,4,head", "other/ok.jpg and imgs/ok.jpg have one file name"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(f"imgs/ok.jpg,,,,,\n{line}\n")
    with pytest.raises(FormatError, match=r"a\.csv, line 2: ") as refused:
        retinanet.read(tmp_path / "a.csv")
    assert message in str(refused.value)
