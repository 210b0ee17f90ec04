"""From contract 1's rows to animals with two points."""

import math

import pytest

from whichwhale.annotations import sloth
from whichwhale.annotations import table as contract
from whichwhale.passport import points
from whichwhale.passport.config import PassportConfig

NAMES = ["bonnet_tip", "blowhole"]


def row(image: str, tip: tuple, hole: tuple | None, **more: object) -> dict:
    found = {"Image": image, "bonnet_tip_x": tip[0], "bonnet_tip_y": tip[1], "bonnet_tip_v": 2}
    if hole:
        found |= {"blowhole_x": hole[0], "blowhole_y": hole[1], "blowhole_v": 1}
    return found | more


def test_one_animal_an_item_photo_by_photo() -> None:
    table = contract.build(
        [
            row("a.jpg", (10, 20), (40, 60), bonnet_tip_sd=3, blowhole_sd=4, photo_width=300, photo_height=200),
            row("b.jpg", (1, 2), (3, 4)),
            row("a.jpg", (70, 20), None, item="a.jpg#1", photo_width=300, photo_height=200),
            {"Image": "c.jpg", "status": "none"},
            {"Image": "d.jpg", "status": "unreadable"},
            row("e.jpg", (5, 5), (5.5, 5)),  # half a pixel apart: no direction
            row("b.jpg", (9, 9), (8, 2), part="fin"),  # of the same animal
        ],
        NAMES,
    )
    assert contract.validate(table) == []
    herd = points.animals(table, PassportConfig())
    assert [one.item for one in herd] == ["a.jpg#0", "a.jpg#1", "b.jpg#0", "c.jpg#0", "d.jpg#0", "e.jpg#0"]
    assert [one.status for one in herd] == ["ok", "none", "ok", "none", "unreadable", "none"]
    assert herd[0].points.tolist() == [[10, 20], [40, 60]] and herd[0].photo_size == (300, 200)
    assert herd[0].sd == pytest.approx(math.sqrt((9 + 16) / 2))
    assert herd[2].points.tolist() == [[1, 2], [3, 4]] and math.isnan(herd[2].sd) and herd[2].photo_size is None
    assert herd[1].points is None and herd[5].points is None
    fin = points.animals(table, PassportConfig(part="fin"))
    assert {one.item: one.points.tolist() for one in fin if one.points is not None} == {"b.jpg#0": [[9, 9], [8, 2]]}


def test_without_points_a_box_is_cut_out_upright(tmp_path) -> None:
    """The level line through its middle, as long as the longer side, so that all of the box is in a square of d x d."""
    rows = [
        row("a.jpg", (10, 20), (40, 60), x=100, y=50, width=40, height=80),
        row("b.jpg", (1, 2), (3, 4)),
        {"Image": "c.jpg", "status": "none"},
        {"Image": "d.jpg", "x": 10, "y": 10, "width": 60, "height": 20},
    ]
    table = contract.build(rows, NAMES)
    config = PassportConfig(first="box_right", second="box_left")
    found = {one.image: one for one in points.animals(table, config)}
    assert found["a.jpg"].points.tolist() == [[160, 90], [80, 90]] and math.isnan(found["a.jpg"].sd)
    assert found["d.jpg"].points.tolist() == [[70, 20], [10, 20]]
    assert [found[image].status for image in ("a.jpg", "b.jpg", "c.jpg", "d.jpg")] == ["ok", "none", "none", "ok"]
    boxes_alone = contract.build([{key: value for key, value in one.items() if "_" not in key} for one in rows], [])
    assert points.animals(boxes_alone, config)[0].points.tolist() == [[160, 90], [80, 90]]
    sloth.to_sloth(table, tmp_path)
    read = points.animals(points.read(tmp_path, ["box_right", "box_left"]), config)
    assert next(one for one in read if one.image == "a.jpg").points.tolist() == [[160, 90], [80, 90]]
    with pytest.raises(points.PointsError, match="no point 'bonnet_tip'; their points are none"):
        points.animals(boxes_alone, PassportConfig())


def test_other_points_and_parts_are_named() -> None:
    table = contract.build([row("a.jpg", (1, 2), (9, 9))], NAMES)
    with pytest.raises(points.PointsError, match="no point 'nostril'; their points are bonnet_tip, blowhole"):
        points.animals(table, PassportConfig(second="nostril"))
    with pytest.raises(points.PointsError, match="no part 'fin'; their parts are head"):
        points.animals(table, PassportConfig(part="fin"))
    with pytest.raises(points.PointsError, match="no row"):
        points.animals(table[:0], PassportConfig())


def test_read_takes_a_csv_or_a_folder_of_sloth_files(tmp_path) -> None:
    table = contract.build([row("a.jpg", (1, 2), (9, 9)), {"Image": "b.jpg", "status": "none"}], NAMES)
    contract.write(tmp_path / "annotations.csv", table)
    sloth.to_sloth(table, tmp_path / "sloth")
    for path in (tmp_path / "annotations.csv", tmp_path / "sloth"):
        herd = points.animals(points.read(path, NAMES), PassportConfig())
        assert [(one.item, one.status) for one in herd] == [("a.jpg#0", "ok"), ("b.jpg#0", "none")]
        assert herd[0].points.tolist() == [[1, 2], [9, 9]]
