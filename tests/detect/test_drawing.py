import numpy as np

from whichwhale.annotations import build
from whichwhale.detect.drawing import colours, draw


def test_colours_are_all_different():
    found = colours(["head", "left", "right", "fluke", "callosities"])
    assert len(set(found.values())) == 5


def test_boxes_are_drawn_where_they_are_with_a_label():
    photo = np.full((100, 150, 3), 40, np.uint8)
    row = {"Image": "a", "part": "head", "x": 49.5, "y": 29.5, "width": 60, "height": 40, "score": 0.87}
    table = build([row, {"Image": "b", "status": "none"}], [])
    view = draw(photo, table, None, (300, 200), {"head": (255, 0, 0)})
    assert view.shape == (200, 300, 3)
    changed = (view != 40).any(2)
    changed[:2], changed[-2:], changed[:, :2], changed[:, -2:] = False, False, False, False  # the photo's edge fades to black
    rows, columns = np.nonzero(changed)
    assert abs(columns.min() - 99.5) <= 1.5 and abs(columns.max() - 219.5) <= 1.5  # twice as large: 99.5 to 219.5
    assert abs(rows.max() - 139.5) <= 1.5 and rows.min() < 58  # the label stands over the box
    assert not changed[75:130, 110:210].any()
    true = draw(photo, table.iloc[1:], table, (300, 200), {"head": (255, 0, 0)})
    assert (true.max(2) > 200).any() and (true[..., 0] == true[..., 1]).all()  # white, and no label
