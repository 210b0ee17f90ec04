"""The door: convert by guessed formats, sizes and EXIF from photos, check's exit code and files, agree's report."""

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from whichwhale import annotations
from whichwhale.annotations.__main__ import main

HEAD = {"Image": "a.jpg", "x": 1.0, "y": 2.0, "width": 20.0, "height": 10.0, "bonnet_tip_x": 4.0, "bonnet_tip_y": 5.0}
HEAD |= {"bonnet_tip_v": 2, "blowhole_x": 9.0, "blowhole_y": 5.0, "blowhole_v": 2}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """a.jpg, 30 x 40 upright, stored as 40 x 30 with EXIF's orientation 6; b.png."""
    folder = tmp_path / "imgs"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(folder / "a.jpg", exif=exif)
    Image.new("RGB", (8, 6)).save(folder / "b.png")
    (folder / "notes.txt").touch()
    return folder


def table(path: Path, *rows: dict, points: tuple = ("bonnet_tip", "blowhole")) -> str:
    annotations.write(path, annotations.build(rows, list(points)))
    return str(path)


def test_convert_through_formats_that_need_sizes(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = table(tmp_path / "a.csv", HEAD)
    assert main(["convert", source, str(tmp_path / "y"), "--to", "yolo"]) == 2
    assert "size is not known" in capsys.readouterr().err
    for name, form in (("y", "yolo"), ("t.json", "label-studio"), ("c.json", "coco")):
        assert main(["convert", source, str(tmp_path / name), "--to", form, "--photos", str(photos)]) == 0
        assert main(["convert", str(tmp_path / name), str(tmp_path / f"{name}.csv"), "--photos", str(photos)]) == 0
        back = annotations.read(tmp_path / f"{name}.csv").iloc[0]
        assert back[["x", "y", "width", "bonnet_tip_x"]].tolist() == pytest.approx([1, 2, 20, 4])
        assert back[["photo_width", "photo_height"]].tolist() == [30, 40]  # upright
    (tmp_path / "y" / "images").symlink_to(photos)
    assert main(["convert", str(tmp_path / "y"), str(tmp_path / "own.csv")]) == 0  # YOLO's own images/
    assert "own.csv: 2 photos, 1 parts found" in capsys.readouterr().out
    assert main(["convert", str(tmp_path / "c.json"), str(tmp_path / "a.csv"), "--points", "blowhole"]) == 2
    assert "not overwritten" in capsys.readouterr().err
    assert annotations.point_names(annotations.read(tmp_path / "a.csv")) == ["bonnet_tip", "blowhole"]


def test_convert_leaves_points_out(tmp_path: Path) -> None:
    bare = {key: value for key, value in HEAD.items() if key not in ("x", "y", "width", "height")}
    source = table(tmp_path / "a.csv", HEAD, bare | {"Image": "p.jpg"}, {"Image": "n.jpg", "status": "none"})
    assert main(["convert", source, str(tmp_path / "b.csv"), "--boxes"]) == 0
    back = annotations.read(tmp_path / "b.csv")
    # p.jpg shows an animal, and nothing is left to say so
    assert back["Image"].tolist() == ["a.jpg", "n.jpg"] and back["status"].tolist() == ["ok", "none"]
    assert annotations.point_names(back) == []


def test_a_photo_before_its_rotation_is_not_converted(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = table(tmp_path / "a.csv", HEAD | {"photo_width": 40, "photo_height": 30})
    assert main(["convert", source, str(tmp_path / "b"), "--photos", str(photos)]) == 2
    assert "line 2 (a.jpg#0): says 40 x 30, the photo is 30 x 40 upright" in capsys.readouterr().err
    assert main(["check", source, "--photos", str(photos)]) == 1
    assert (
        "a.csv, line 2 (a.jpg#0): error: exif rotation: the size 40 x 30 is that of the photo before" in capsys.readouterr().out
    )


def test_what_a_file_leaves_unsaid(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = table(tmp_path / "a.csv", HEAD | {"x": 15.0})  # to x = 35: beyond the upright photo's 30, within the stored one's 40
    assert main(["check", source, "--photos", str(photos)]) == 1
    out = capsys.readouterr().out
    assert "error: exif rotation: box or points leave the upright photo (30 x 40)" in out
    assert "b.png: warning: no entry" in out


def test_check_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = table(tmp_path / "a.csv", HEAD | {"bonnet_tip_x": 50.0}, {"Image": "n.jpg", "status": "none"})
    assert main(["check", source, "--json", str(tmp_path / "f.json"), "--csv", str(tmp_path / "f.csv")]) == 1
    out = capsys.readouterr().out.splitlines()
    assert len(pd.read_csv(tmp_path / "f.csv")) == len(json.loads((tmp_path / "f.json").read_text())) == 2
    assert out[0].startswith(f"{source}, line 2 (a.jpg#0): error: point outside box: bonnet_tip (50.0, 5.0) lies 29.0 px")
    assert out[1].startswith(f"{source}, line 3 (n.jpg#0): warning: no head")
    assert main(["check", table(tmp_path / "b.csv", HEAD)]) == 0
    assert main(["check", str(tmp_path / "none.csv")]) == 2


def test_agree_between_formats_and_annotators(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = {"photo_width": 100, "photo_height": 100}
    first = table(tmp_path / "a.csv", HEAD | size)
    table(tmp_path / "b.csv", HEAD | size | {"blowhole_y": 6.0})
    assert main(["convert", str(tmp_path / "b.csv"), str(tmp_path / "b.json"), "--to", "label-studio"]) == 0
    tasks = json.loads((tmp_path / "b.json").read_text())
    tasks[0]["annotations"][0]["completed_by"] = 1
    tasks[0]["annotations"].append({"completed_by": 2, "result": []})
    (tmp_path / "b.json").write_text(json.dumps(tasks))
    more = ["--csv", str(tmp_path / "p.csv"), "--json", str(tmp_path / "p.json")]
    assert main(["agree", first, str(tmp_path / "b.json"), "--annotator", "1", *more]) == 0
    assert "  a.jpg#0 head: 20.000" in capsys.readouterr().out  # 1 px of d = 5
    assert pd.read_csv(tmp_path / "p.csv")["blowhole_d"].tolist() == pytest.approx([0.2])
    assert json.loads((tmp_path / "p.json").read_text())["pairs"][0]["item_b"] == "a.jpg#0"
    both = str(tmp_path / "b.json")
    assert main(["agree", both, both, "--annotator", "1", "--other-annotator", "2"]) == 0
    assert "parts that only a has: 1 (a.jpg#0 head)" in capsys.readouterr().out


def test_sizes_that_can_not_be_used_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.csv").write_text("a.jpg,1,2,3,4,head\n")
    sizes = tmp_path / "sizes.csv"
    for content, why in (
        (
            b"Image,width,height\na.jpg,40,-30\n",
            "line 2: width and height are '40' and '-30', must be whole numbers of pixels above 0",
        ),
        (b"Image,width,height\na.jpg,40,30\na.jpg,30,40\n", "line 3: a.jpg has another size above"),
        ("Image,width,height\nä.jpg,40,30\n".encode("latin-1"), "not a CSV table in UTF-8"),
        (b"Image,w,h\n", "must have the columns Image, width, height"),
    ):
        sizes.write_bytes(content)
        assert main(["convert", str(tmp_path / "r.csv"), str(tmp_path / "a.csv"), "--sizes", str(sizes)]) == 2
        told = capsys.readouterr().err
        assert str(sizes) in told and why in told
    assert not (tmp_path / "a.csv").exists()


def test_agree_says_what_it_leaves_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (
        table(tmp_path / "a.csv", HEAD),
        table(tmp_path / "b.csv", {"Image": "a.jpg", "status": "none"}, points=("tip",)),
    )
    assert main(["agree", first, second, "--json", str(tmp_path / "p.json")]) == 0
    told = capsys.readouterr().out
    assert "points that only a has, not compared: bonnet_tip, blowhole" in told and "only b has, not compared: tip" in told
    assert json.loads((tmp_path / "p.json").read_text())["points_b"] == ["tip"]
    sized = table(tmp_path / "c.csv", HEAD | {"photo_width": 100, "photo_height": 80})
    smaller = table(tmp_path / "d.csv", HEAD | {"photo_width": 50, "photo_height": 40})
    assert main(["agree", sized, smaller]) == 2
    assert "d.csv: 1 of 1 photos have another size than in" in capsys.readouterr().err


def test_what_is_asked_for_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = table(tmp_path / "a.csv", HEAD)
    for more, why in (
        (["--part", "hed"], "part is 'hed'; the table has head"),
        (["--pair", "blowhole", "blowhole"], "must be two of the table's points"),
    ):
        assert main(["check", source, *more]) == 2
        assert why in capsys.readouterr().err
    assert main(["agree", source, source, "--pair", "blowhole", "blowhole"]) == 2
    assert "pair is blowhole, blowhole" in capsys.readouterr().err
    assert main(["check", source]) == 0
    told = capsys.readouterr().out
    assert "absurd d isn't looked for: 1 of the 20 pairs" in told and "how boxes lean isn't looked at: 1 of the 50" in told


def test_what_label_studio_leaves_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.json").write_text(json.dumps([{"data": {"image": "a.jpg"}, "annotations": []}]))
    assert main(["convert", str(tmp_path / "t.json"), str(tmp_path / "a.csv")]) == 0
    assert "t.json: 1 of 1 tasks are left out, the first is task 0: nobody has done it" in capsys.readouterr().err
