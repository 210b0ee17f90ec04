"""What `check` finds: one planted fault a test, named with its entry, and nothing in a clean table."""

import numpy as np
import pandas as pd
import pytest

from whichwhale import annotations
from whichwhale.annotations.check import check
from whichwhale.annotations.faults import Upright
from whichwhale.annotations.findings import ERROR, WARNING, as_csv, as_json, line, summary
from whichwhale.annotations.reading import Loaded

POINTS = ["bonnet_tip", "blowhole"]


def head(image: str, turn: float = 0.0, d: float = 100.0, at: tuple[float, float] = (500, 400), **more: object) -> dict:
    """A head at `at`, its points d apart at an angle, in a box that reaches 40 px further beyond the blowhole."""
    way = np.array([np.cos(turn), np.sin(turn)])
    bonnet, blowhole = at - way * d / 2, at + way * d / 2
    corner = np.minimum(bonnet, blowhole + 40 * way) - 40
    far = np.maximum(bonnet, blowhole + 40 * way) + 40
    row = {"Image": image, "photo_width": 1000, "photo_height": 800, "x": corner[0], "y": corner[1]}
    row |= {"width": (far - corner)[0], "height": (far - corner)[1]}
    row |= {"bonnet_tip_x": bonnet[0], "bonnet_tip_y": bonnet[1], "bonnet_tip_v": 2}
    return row | {"blowhole_x": blowhole[0], "blowhole_y": blowhole[1], "blowhole_v": 2} | more


def fluke(image: str, x: float) -> dict:
    size = {"photo_width": 1000, "photo_height": 800}
    return size | {"Image": image, "part": "fluke", "x": x, "y": 380.0, "width": 50, "height": 50}


def clean(count: int = 60) -> list[dict]:
    rng = np.random.default_rng(5)
    drawn = zip(rng.uniform(0, 6.28, count), rng.uniform(80, 130, count), rng.uniform(300, 500, (count, 2)), strict=True)
    return [head(f"c{i}.jpg", turn, d, tuple(at)) for i, (turn, d, at) in enumerate(drawn)]


def found(*rows: dict, photos: dict | None = None, **more: object) -> list[tuple[str, str, str]]:
    table = annotations.build(rows, POINTS)
    assert annotations.validate(table) == []
    loaded = Loaded(table, [f"row {i}" for i in range(len(table))])
    return [(f.level, f.kind, f.entry) for f in check(loaded, photos, **more)]


def test_a_clean_table_has_nothing() -> None:
    photos = {f"c{i}.jpg": Upright(1000, 800, 6) for i in range(60)}
    assert found(*clean()) == found(*clean(), photos=photos) == []


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (head("a.jpg", bonnet_tip_x=-0.6), [(ERROR, "point outside photo")]),
        (head("a.jpg", bonnet_tip_x=-0.5, x=-0.5, width=700.0), []),
        (head("a.jpg", x=-0.6, width=700.0), [(WARNING, "box leaves photo")]),
        (head("a.jpg", x=-5.0, width=700.0), [(ERROR, "box leaves photo")]),
        (head("a.jpg", y=300.0, height=500.5), [(WARNING, "box leaves photo")]),
        (head("a.jpg", bonnet_tip_x=407.0), [(WARNING, "point outside box")]),  # the box begins at 410 and is 220 px wide
        (head("a.jpg", bonnet_tip_x=390.0), [(ERROR, "point outside box")]),
        (head("a.jpg", bonnet_tip_x=np.nan, bonnet_tip_y=np.nan, bonnet_tip_v=0), [(WARNING, "no point")]),
        (head("a.jpg", x=np.nan, y=np.nan, width=np.nan, height=np.nan), [(WARNING, "no box")]),
        ({"Image": "a.jpg", "status": "none"}, [(WARNING, "no head")]),
        ({"Image": "a.jpg", "status": "unreadable"}, [(WARNING, "unreadable")]),
        ({"Image": "a.jpg", "part": "fluke", "x": 1.0, "y": 1.0, "width": 2, "height": 2}, [(WARNING, "no head")]),
        (head("a.jpg", d=0.5), [(ERROR, "absurd d")]),
        (head("a.jpg", photo_width=np.nan, photo_height=np.nan, x=-9.0, width=800.0), [(ERROR, "box leaves photo")]),
    ],
)
def test_one_fault_of_a_row(row: dict, expected: list) -> None:
    assert found(row) == [(level, kind, "row 0") for level, kind in expected]


def test_absurd_d_against_the_others() -> None:
    assert found(*clean(), head("a.jpg", d=8.0)) == [(ERROR, "absurd d", "row 60")]
    assert found(*clean(10), head("a.jpg", d=8.0)) == []  # ten tell nothing


def test_exif() -> None:
    """A portrait photo of 600 x 1000 that is stored as 1000 x 600 with orientation 6."""
    photos = {"a.jpg": Upright(600, 1000, 6)}
    upright = {"photo_width": 600, "photo_height": 1000}
    assert found(head("a.jpg") | upright, photos=photos) == [(ERROR, "box leaves photo", "row 0")]
    inside = head("a.jpg", at=(300, 400))
    assert found(inside | {"photo_width": 1000, "photo_height": 600}, photos=photos) == [(ERROR, "exif rotation", "row 0")]
    assert found(inside | {"photo_width": 1000, "photo_height": 700}, photos=photos) == [(ERROR, "photo size", "row 0")]
    assert found(inside | upright, photos=photos) == []
    unsaid = {"photo_width": np.nan, "photo_height": np.nan}
    assert found(inside | unsaid, photos=photos) == [(WARNING, "exif rotation", "row 0")]
    stored = head("a.jpg", at=(800, 300))  # off the upright photo, on the stored one
    assert found(stored | unsaid, photos=photos) == [(ERROR, "exif rotation", "row 0")]


def test_two_heads_doubles_and_copies() -> None:
    second = head("a.jpg", at=(800, 200)) | {"item": "a.jpg#1"}
    assert found(head("a.jpg"), second) == [(WARNING, "two heads", "row 1")]
    double = head("a.jpg") | {"item": "a.jpg#1", "x": 412.0}
    assert found(head("a.jpg"), double) == [(ERROR, "duplicate", "row 1")]
    assert found(head("a.jpg"), head("b.jpg")) == [(ERROR, "duplicate", "row 1")]
    assert found(head("a.jpg"), fluke("a.jpg", 900.0)) == []


def test_swapped_by_what_lies_behind() -> None:
    assert found(head("a.jpg"), fluke("a.jpg", 50.0)) == [(ERROR, "swapped", "row 0")]
    assert found(head("a.jpg"), fluke("a.jpg", 50.0) | {"item": "a.jpg#1"}) == []  # another animal's


def test_swapped_between_two_animals() -> None:
    one, other = head("a.jpg"), head("a.jpg", at=(200, 200)) | {"item": "a.jpg#1"}
    for axis in ("x", "y"):
        one[f"blowhole_{axis}"], other[f"blowhole_{axis}"] = other[f"blowhole_{axis}"], one[f"blowhole_{axis}"]
    kinds = found(one, other)
    assert (ERROR, "swapped", "row 1") in kinds
    assert sum(kind == "point outside box" for _, kind, _ in kinds) == 2


def test_swapped_by_the_lean_of_the_box() -> None:
    """In the clean table each box reaches further beyond the blowhole."""
    table = clean()
    row = table[17]
    for axis in ("x", "y"):
        row[f"blowhole_{axis}"], row[f"bonnet_tip_{axis}"] = row[f"bonnet_tip_{axis}"], row[f"blowhole_{axis}"]
    assert found(*table) == [(WARNING, "swapped", "row 17")]


def test_photos_without_entry_and_other_pairs() -> None:
    assert found(head("a.jpg"), photos={"a.jpg": Upright(1000, 800), "b.jpg": Upright(5, 5)}) == [(WARNING, "no entry", "b.jpg")]


def test_entries_without_their_photo() -> None:
    photos = {"a.jpg": Upright(1000, 800), "b.jpg": Upright(1000, 800)}
    rows = [head("a.jpg"), head("b.jpg", 1.0), head("gone.jpg", 2.0), fluke("gone.jpg", 400.0) | {"item": "gone.jpg#1"}]
    assert found(*rows, photos=photos) == [(WARNING, "no photo", "row 2")]
    assert found(*rows) == found(*rows, photos=None) == []
    # a few photos of many, or other names: said once
    assert found(*rows, photos={"a.jpg": Upright(1000, 800)}) == [(WARNING, "no photo", "row 1")]
    assert found(*rows, photos={}) == [(WARNING, "no photo", "row 0")]
    with pytest.raises(ValueError, match="must be two of the table's points bonnet_tip, blowhole"):
        found(head("a.jpg"), pair=["bonnet_tip", "eye"])
    assert found({"Image": "a.jpg", "part": "fin", "x": 1.0, "y": 1.0, "width": 9, "height": 9}, part="fin") == [
        (WARNING, "no point", "row 0")
    ]


def test_the_report() -> None:
    table = annotations.build([head("a.jpg", x=-5.0, width=700.0), {"Image": "b.jpg", "status": "none"}], POINTS)
    findings = check(Loaded(table, ["line 2", "line 3"]))
    assert line(findings[0], "a.csv") == (
        "a.csv, line 2: error: box leaves photo: the head box leaves the photo (1000 x 800) by 4.5 px; "
        "cut it to x=-0.5, y=360, width=695.5, height=80 (pixel centres at integers)"
    )
    assert [text.split() for text in summary(findings, 2, 1).splitlines()[1:4]] == [
        ["box", "leaves", "photo", "1", "0", "1"],
        ["no", "head", "0", "1", "1"],
        ["all", "1", "1", "2"],
    ]
    assert as_csv(findings).splitlines()[0] == "level,kind,image,entry,what,fix"
    assert pd.read_json(pd.io.common.StringIO(as_json(findings)))["image"].tolist() == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("photo", "warned"),
    [
        (Upright(1000, 800, 1), False),
        (Upright(1000, 800, 3), True),  # upside down: the size is the same either way
        (Upright(1000, 800, 6), False),  # the size is the upright photo's, so whoever said it had it upright
        (Upright(1000, 1000, 6), True),
    ],
)
def test_a_turn_that_leaves_the_size_is_told(photo: Upright, warned: bool) -> None:
    row = head("a.jpg", photo_height=photo.height)
    told = found(row, photos={"a.jpg": photo})
    assert told == ([(WARNING, "exif rotation", "row 0")] if warned else [])
