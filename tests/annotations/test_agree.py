"""Two annotators: pairs by overlap or place, IoU, distances in d, exchanged points, what one has alone."""

import math

import pytest

from whichwhale import annotations
from whichwhale.annotations.agree import agree, iou, report

POINTS = ["bonnet_tip", "blowhole"]


def head(
    image: str = "a.jpg", k: int = 0, x: float = 0.0, tip: tuple = (2, 5), hole: tuple | None = (8, 5), **more: object
) -> dict:
    row = {"Image": image, "item": f"{image}#{k}", "x": x, "y": 0.0, "width": 10, "height": 10}
    row |= {"bonnet_tip_x": tip[0], "bonnet_tip_y": tip[1], "bonnet_tip_v": 2}
    return row | ({"blowhole_x": hole[0], "blowhole_y": hole[1], "blowhole_v": 2} if hole else {}) | more


def both(a: list[dict], b: list[dict]):  # noqa: ANN201
    return agree(annotations.build(a, POINTS), annotations.build(b, POINTS))


def test_iou() -> None:
    assert iou((0, 0, 10, 10), (5, 0, 10, 10)) == 50 / 150
    assert iou((0, 0, 10, 10), (10, 0, 10, 10)) == 0
    assert math.isnan(iou((0, 0, 10, 10), (math.nan,) * 4))


def test_distances_are_in_the_first_ones_d() -> None:
    """d = 6: the bonnet tip lies 3 px off, half of it; the blowhole 4 px = 2/3."""
    row = both([head()], [head(x=5, tip=(2, 8), hole=(12, 5))]).pairs.iloc[0]
    assert (row["iou"], row["d"]) == (1 / 3, 6)
    assert row[["bonnet_tip_px", "bonnet_tip_d", "blowhole_px"]].tolist() == [3, 0.5, 4]
    assert row["blowhole_d"] == pytest.approx(2 / 3) and not row["exchanged"]


def test_animals_are_paired_by_overlap_not_by_number() -> None:
    found = both([head(k=0), head(k=1, x=20, tip=(22, 5), hole=(28, 5))], [head(k=1), head(k=0, x=21, tip=(22, 5), hole=(28, 5))])
    assert found.pairs[["item_a", "item_b"]].values.tolist() == [["a.jpg#0", "a.jpg#1"], ["a.jpg#1", "a.jpg#0"]]
    apart = both([head()], [head(x=30, tip=(32, 5), hole=(38, 5))])
    assert len(apart.pairs) == 0
    assert apart.alone[["item", "who"]].values.tolist() == [["a.jpg#0", "a"], ["a.jpg#0", "b"]]


def test_without_boxes_points_pair() -> None:
    bare = {side: math.nan for side in ("x", "y", "width", "height")}
    found = both([head() | bare, head(k=1, tip=(500, 5), hole=(506, 5)) | bare], [head(tip=(499, 5), hole=(506, 5))])
    assert found.pairs[["item_a", "bonnet_tip_px"]].values.tolist() == [["a.jpg#1", 1]]
    assert math.isnan(found.pairs["iou"].iloc[0]) and len(found.alone) == 1


def test_exchanged_hidden_and_absent_points() -> None:
    found = both(
        [head(), head("b.jpg"), head("c.jpg")],
        [head(tip=(8, 5), hole=(2, 5)), head("b.jpg", bonnet_tip_v=1), head("c.jpg", hole=None)],
    )
    assert found.pairs["exchanged"].tolist() == [True, False, False]
    assert found.pairs["bonnet_tip_v_differs"].tolist() == [False, True, False]
    assert found.pairs["blowhole_v_differs"].tolist() == [False, False, True]
    assert math.isnan(found.pairs["blowhole_px"].iloc[2]) and found.pairs["d"].iloc[2] == 6


def test_photos_that_one_has_alone_and_the_report() -> None:
    nothing = {"Image": "n.jpg", "status": "none"}
    found = both(
        [head(), head("b.jpg"), nothing, head("m.jpg")],
        [head(x=1), head("c.jpg"), head("n.jpg"), {"Image": "m.jpg", "status": "none"}],
    )
    assert (found.photos_a, found.photos_b) == (["b.jpg"], ["c.jpg"])
    assert found.alone[["Image", "who"]].values.tolist() == [["n.jpg", "b"], ["m.jpg", "a"]]
    text = report(found, ("anna", "ben"))
    assert "1 parts in 1 photos are in both" in text
    assert "  a.jpg#0 head: 0.8182" in text  # 90 / 110
    assert "photos that only a has: 1 (b.jpg)" in text and "parts that only b has: 1 (n.jpg#0 head)" in text
    assert "exchanged: 0" in text


def test_no_common_points_and_wrong_pairs() -> None:
    a, b = (
        annotations.build([head()], POINTS),
        annotations.build([{"Image": "a.jpg", "x": 0.0, "y": 0.0, "width": 10, "height": 5}], []),
    )
    found = agree(a, b)
    assert found.points == [] and found.pairs["iou"].tolist() == [0.5] and "IoU" in report(found, ("a", "b"))
    with pytest.raises(ValueError, match="the points that both have are none"):
        agree(a, b, POINTS)
