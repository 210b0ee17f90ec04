import json
import math
from pathlib import Path

import pytest

from whichwhale.score import QualityError, read_quality

HEAD = "Image,item,part,x,y,width,height,score,bonnet_tip_x,bonnet_tip_y,bonnet_tip_v,bonnet_tip_sd,blowhole_x,blowhole_y"
HEAD += ",blowhole_v,blowhole_sd,source,fold,photo_width,photo_height,status\n"


def test_annotations(tmp_path: Path) -> None:
    path = tmp_path / "annotations.csv"
    path.write_text(
        HEAD
        + "w_1.jpg,w_1.jpg#0,head,,,,,,10,20,2,3,40,60,1,4,run,0,99,99,ok\n"  # a 3-4-5 triangle: d = 50
        + "w_1.jpg,w_1.jpg#1,head,,,,,,0,0,2,,9,0,2,,run,0,99,99,ok\n"
        + "w_2.jpg,w_2.jpg#0,head,,,,,,0,0,2,,9,0,2,,run,0,99,99,ok\n"  # nobody knows the sd
        + "w_3.jpg,w_3.jpg#0,head,,,,,,0,0,2,,,,0,,run,0,99,99,ok\n"  # a point is absent
        + "w_4.jpg,w_4.jpg#0,head,,,,,,,,0,,,,0,,run,0,99,99,none\n"
        + "w_2.jpg,w_2.jpg#0,whale,,,,,,0,0,2,,99,0,2,,run,0,99,99,ok\n"  # another part
    )
    found = read_quality(path)
    assert found.keys() == {"w_1.jpg", "w_2.jpg"}
    assert found["w_1.jpg"].distance == 50
    assert found["w_1.jpg"].uncertainty == pytest.approx(math.sqrt((9 + 16) / 2) / 50)
    assert found["w_2.jpg"].distance == 9 and math.isnan(found["w_2.jpg"].uncertainty)


def test_index_of_a_store(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    path.write_text(
        "item,m00,m01,m02,m10,m11,m12,sampling,sd,outside,status\n"
        "w_1.jpg#0,0,-0.5,7,0.5,0,3,0.5,4,0,ok\n"  # turned by a quarter, half the size: 120 store px are 240 of the photo
        "w_2.jpg#0,2,0,0,0,1,0,1,,0,ok\n"  # stretched along the head alone
        "w_3.jpg#0,,,,,,,,,,none\n"
    )
    with pytest.raises(QualityError, match=r"no readable store\.json lies beside it"):
        read_quality(path)
    (tmp_path / "store.json").write_text(json.dumps({"plane_to_store": [[120, 0, 5], [0, 240, 5]]}))
    found = read_quality(path)
    assert found.keys() == {"w_1.jpg", "w_2.jpg"}
    assert found["w_1.jpg"].distance == pytest.approx(240) and found["w_1.jpg"].uncertainty == pytest.approx(4 / 240)
    assert found["w_2.jpg"].distance == pytest.approx(60) and math.isnan(found["w_2.jpg"].uncertainty)


def test_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(QualityError, match="no such file"):
        read_quality(path)
    path.write_text("Image,whaleID\nw_1.jpg,a\n")
    with pytest.raises(QualityError, match=r"line 1: neither a store's index\.csv"):
        read_quality(path)
    path.write_text(HEAD + "w_1.jpg,w_1.jpg#0,head,,,,,,ten,20,2,3,40,60,1,4,run,0,99,99,ok\n")
    with pytest.raises(QualityError, match="line 2, column bonnet_tip_x: 'ten' is no number"):
        read_quality(path)
    with pytest.raises(QualityError, match="fin_base"):
        read_quality(path, ["fin_base", "fin_tip"])
