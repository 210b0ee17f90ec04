"""annotations.csv: what is written reads back to the same bits, and what breaks contract 1 is refused by line and column."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whichwhale import annotations

POINTS = ["bonnet_tip", "blowhole"]
HEAD = {"Image": "w_1.jpg", "x": 10.25, "y": 20.0, "width": 30.5, "height": 40.0, "photo_width": 300, "photo_height": 200,
        "bonnet_tip_x": 11.0, "bonnet_tip_y": 22.0, "bonnet_tip_v": 2}  # fmt: skip
NOTHING = {"Image": "w_2.jpg", "status": "none", "photo_width": 300, "photo_height": 200}


def table(*rows: dict) -> pd.DataFrame:
    return annotations.build(rows, POINTS)


def test_the_file_is_what_contract_1_says(tmp_path: Path) -> None:
    annotations.write(tmp_path / "a.csv", table(HEAD, NOTHING))
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "Image,item,part,x,y,width,height,score,bonnet_tip_x,bonnet_tip_y,bonnet_tip_v,bonnet_tip_sd,"
        "blowhole_x,blowhole_y,blowhole_v,blowhole_sd,source,fold,photo_width,photo_height,status",
        "w_1.jpg,w_1.jpg#0,head,10.25,20.0,30.5,40.0,,11.0,22.0,2,,,,0,,hand,-1,300,200,ok",
        "w_2.jpg,w_2.jpg#0,head,,,,,,,,0,,,,0,,hand,-1,300,200,none",
    ]


finite = st.floats(-1e6, 1e6)


@st.composite
def heads(draw: st.DrawFn, number: int) -> dict:
    row: dict = {"Image": f"w_{number}.jpg", "fold": draw(st.integers(-2, 4)), "score": draw(finite)}
    row |= {"source": draw(st.sampled_from(["hand", "survey/net"])), "part": draw(st.sampled_from(["head", "fin, left"]))}
    row |= dict(zip(["x", "y", "width", "height"], draw(st.tuples(finite, finite, *[st.floats(1e-3, 1e5)] * 2)), strict=True))
    for name in ("eye_corner", "nostril"):
        if draw(st.booleans()):
            row |= {f"{name}_x": draw(finite), f"{name}_y": draw(finite), f"{name}_v": draw(st.sampled_from([1, 2])),
                    f"{name}_sd": draw(st.floats(0, 1e3))}  # fmt: skip
    return row


@settings(deadline=None, max_examples=50)
@given(rows=st.integers(1, 4).flatmap(lambda n: st.tuples(*map(heads, range(n)))))
def test_what_is_written_reads_back_to_the_same_bits(tmp_path_factory: pytest.TempPathFactory, rows: tuple) -> None:
    path = tmp_path_factory.mktemp("round") / "a.csv"
    written = annotations.build(rows, ["eye_corner", "nostril"])
    annotations.write(path, written)
    pd.testing.assert_frame_equal(annotations.read(path), written, check_exact=True)
    assert annotations.point_names(written) == ["eye_corner", "nostril"]


@pytest.mark.parametrize(
    ("change", "column", "why"),
    [
        ({"width": 0.0}, "width", "above 0"),
        ({"height": np.nan}, "height", "must be a number where the row has a box"),
        ({"x": np.inf}, "x", "must be a number"),
        ({"item": "w_9.jpg#0"}, "item", "Image#k"),
        ({"item": "w_1.jpg#-1"}, "item", "Image#k"),
        ({"Image": "", "item": "#0"}, "Image", "empty"),
        ({"fold": -3}, "fold", "-2"),
        ({"bonnet_tip_v": 3}, "bonnet_tip_v", "0 (absent)"),
        ({"bonnet_tip_v": 0}, "bonnet_tip_x", "must be empty"),
        ({"blowhole_v": 1}, "blowhole_y", "must be a number"),
        ({"blowhole_sd": -1.0}, "blowhole_sd", "0 or more"),
        ({"status": "good"}, "status", "one of ok, none, unreadable"),
        ({"status": "none"}, "status", "can't have a box"),
        ({"photo_width": 300.5}, "photo_width", "whole number"),
        ({"photo_height": -1}, "photo_height", "whole number"),
        ({"source": ""}, "source", "empty"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, change: dict, column: str, why: str) -> None:
    with pytest.raises(annotations.AnnotationsError) as refused:
        annotations.write(tmp_path / "a.csv", table(NOTHING, HEAD | change))
    text = next(line for line in str(refused.value).splitlines() if f"column {column}:" in line)
    assert "line 3 (" in text and why in text
    assert not (tmp_path / "a.csv").exists()


def test_rows_that_contradict_each_other_are_named() -> None:
    twice = annotations.validate(table(HEAD, HEAD))
    assert len(twice) == 1 and twice[0].startswith("line 3") and "number animals" in twice[0]
    assert annotations.validate(table(HEAD, HEAD | {"item": "w_1.jpg#1"}, HEAD | {"part": "fluke"})) == []
    sizes = annotations.validate(table(HEAD, HEAD | {"item": "w_1.jpg#1", "photo_width": 301}))
    assert len(sizes) == 1 and "line 3 (w_1.jpg#1), column photo_width: 301.0 differs" in sizes[0]
    alone = annotations.validate(table(HEAD, NOTHING | {"Image": "w_1.jpg", "item": "w_1.jpg#1"}))
    assert len(alone) == 1 and "only row of its photo" in alone[0]
    assert "needs a box or a point" in annotations.validate(table(NOTHING | {"status": "ok"}))[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10.25", "ten", "line 2 (w_1.jpg#0), column x: 'ten' is no number"),
        (",-1,", ",0.5,", "column fold: '0.5' is no whole number"),
        (",score,", ",confidence,", "column score is missing"),
        ("bonnet_tip_v", "bonnet_tip_w", "column bonnet_tip_v is missing"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "a.csv"
    annotations.write(path, table(HEAD))
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(annotations.AnnotationsError, match="a.csv") as refused:
        annotations.read(path)
    assert message in str(refused.value)


def test_missing_and_empty_files_and_unknown_keys(tmp_path: Path) -> None:
    with pytest.raises(annotations.AnnotationsError, match="missing"):
        annotations.read(tmp_path / "a.csv")
    (tmp_path / "a.csv").touch()
    with pytest.raises(annotations.AnnotationsError, match="not a CSV table"):
        annotations.read(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="blow_hole_x"):
        table(HEAD | {"blow_hole_x": 1.0})
    text = table(HEAD).astype({"x": str})
    assert annotations.validate(text) == [f"column x holds {text['x'].dtype}, must hold numbers"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"images": [1, 2]}', r"is JSON, not a table of contract 1; `python -m whichwhale.annotations convert .*other.json"),
        (b"\xef\xbb\xbf [1, 2]", "is JSON, not a table"),
        (b"<annotation>", "is XML, not a table of contract 1$"),
    ],
)
def test_another_format_is_said_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(annotations.AnnotationsError, match=message) as refused:
        annotations.read(path)
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize(("column", "cell"), [("fold", "1" + "0" * 20), ("photo_width", "1e30"), ("bonnet_tip_v", "9" * 5000)])
def test_numbers_beyond_all_measure_are_refused(tmp_path: Path, column: str, cell: str) -> None:
    row = {"Image": "a.jpg", "x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "photo_width": 40, "photo_height": 30}
    table = annotations.build([row], ["bonnet_tip"])
    text = table.astype(object).assign(**{column: cell}).to_csv(index=False)
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(annotations.AnnotationsError, match=rf"line 2 \(a\.jpg#0\), column {column}"):
        annotations.read(tmp_path / "a.csv")
