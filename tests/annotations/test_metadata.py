"""metadata.csv: edges as in Sloth's files, whose numbers it has; malformed lines named."""

import os
from pathlib import Path

import pytest

from whichwhale import annotations
from whichwhale.annotations import agree, formats, metadata
from whichwhale.annotations.reading import FormatError

HEADER = "Image,whaleID,bbox1_x,bbox1_y,bbox2_x,bbox2_y,bonnet_x,bonnet_y,blowhead_x,blowhead_y,height,width\n"


def test_corners_and_points_count_edges(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(
        HEADER + "a.jpg,w,0,0,40,30,0.5,2.5,7,8,30,40\nb.jpg,,,,,,,,1,1,30,40\nc.jpg,,,,,,,,,,30,40\n"
    )
    loaded = metadata.read(tmp_path / "m.csv")
    table = loaded.table
    assert annotations.validate(table) == []
    assert table[["x", "y", "width", "height", "bonnet_tip_x", "blowhole_y"]].values.tolist()[0] == [-0.5, -0.5, 40, 30, 0, 7.5]
    assert table["bonnet_tip_v"].tolist() == [2, 0, 0] and table["blowhole_v"].tolist() == [2, 2, 0]
    assert table["status"].tolist() == ["ok", "ok", "none"] and table["photo_width"].tolist() == [40] * 3
    assert loaded.entries[:2] == ["line 2 (a.jpg)", "line 3 (b.jpg)"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (",w,0,0,40,30,1,1,2,2,30,40", "Image is empty"),
        ("a.jpg,w,0,0,0,30,1,1,2,2,30,40", "must lie right of"),
        ("a.jpg,w,0,0,40,,1,1,2,2,30,40", "column bbox2_y: '' is no number"),
        ("a.jpg,w,0,0,40,30,x,1,2,2,30,40", "column bonnet_x: 'x' is no number"),
        ("a.jpg,w,0,0,40,30,inf,1,2,2,30,40", "not finite"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(HEADER + line + "\n")
    with pytest.raises(FormatError, match=r"m\.csv, line 2") as refused:
        metadata.read(tmp_path / "m.csv")
    assert message in str(refused.value)


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(HEADER.replace("bonnet_y,", ""))
    with pytest.raises(FormatError, match="no column bonnet_y"):
        metadata.read(tmp_path / "m.csv")


def test_the_real_table_has_the_numbers_of_the_real_sloth_files() -> None:
    real = Path(os.environ.get("WHICHWHALE_INPUT", "input")) / "right_whale_annotations"
    if not (real / "metadata.csv").exists() or not (real / "slot.json").exists():
        pytest.skip(f"no {real}/metadata.csv and slot.json: see input/README.md")
    found = agree.agree(formats.read(real).table, formats.read(real / "metadata.csv").table)
    assert len(found.pairs) > 4000
    # rounded to 1/100: half a pixel off in one of the two conventions would be seen
    assert max(found.pairs["bonnet_tip_px"].max(), found.pairs["blowhole_px"].max()) < 0.0072
    assert found.pairs["iou"].median() > 0.9999
