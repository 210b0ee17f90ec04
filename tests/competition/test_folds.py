"""folds.csv: written, read, asked, refused."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import strategies as st

from whichwhale.competition import dealing, folds
from whichwhale.competition.__main__ import main

counts = st.lists(st.integers(1, 9), min_size=1, max_size=25)


def photos(photos_per_whale: list[int]) -> tuple[list[str], list[str]]:
    whales = [f"whale_{i}" for i, count in enumerate(photos_per_whale) for _ in range(count)]
    return [f"w_{i}.jpg" for i in range(len(whales))], whales


def test_train_validation() -> None:
    made = dealing.make(*photos([3, 2, 1]), folds=2)
    training, validation = folds.train_validation(made, 1)
    assert validation == made["Image"][made["fold"] == 1].tolist()
    assert sorted(training + validation) == sorted(made["Image"]) and "w_5.jpg" in training
    assert folds.train_validation(made, "all") == (made["Image"].tolist(), [])
    assert folds.numbers(made) == [0, 1]
    for k in (2, -1):
        with pytest.raises(folds.FoldsError, match="the file has 0, 1"):
            folds.train_validation(made, k)


def test_a_file_reads_back_and_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folds.csv"
    made = dealing.make(*photos([3, 2, 1]), folds=2)
    folds.write(path, made)
    pd.testing.assert_frame_equal(folds.read(path), made)
    before = path.stat().st_mtime_ns
    folds.write(path, made)
    assert path.stat().st_mtime_ns == before
    with pytest.raises(folds.FoldsError, match="covers other photos \\(1 differ, first w_6.jpg\\)"):
        folds.write(path, dealing.make(*photos([3, 2, 2]), folds=2))
    swapped = made.assign(fold=made["fold"].map({0: 1, 1: 0, -1: -1}))
    with pytest.raises(folds.FoldsError, match="deals the photos out otherwise"):
        folds.write(path, swapped)
    pd.testing.assert_frame_equal(folds.read(path), made)
    folds.write(path, swapped, replace=True)
    pd.testing.assert_frame_equal(folds.read(path), swapped)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Image,fold\na,0\n", "the columns must be Image,fold,kind"),
        ("Image,fold,kind\na,0,closed\na,1,closed\n", "line 3: a is on line 2 too"),
        ("Image,fold,kind\na,0.0,closed\n", "line 2: fold '0.0' of a"),
        ("Image,fold,kind\na,-3,closed\n", "line 2: fold '-3' of a"),
        ("Image,fold,kind\na,0,open\n", "line 2: kind 'open' of a"),
        ("Image,fold,kind\na,0\n", "line 2: 2 cells"),
        ("Image,fold,kind\na,0,closed\nb,1,disjoint\n", "two kinds"),
        ("Image,fold,kind\na,0,closed\nb,2,closed\n", "without a gap"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "folds.csv").write_text(text)
    with pytest.raises(folds.FoldsError) as refused:
        folds.read(tmp_path / "folds.csv")
    assert message in str(refused.value)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, whales = photos([4, 3, 1])
    rows = "".join(f"{image},{whale}\n" for image, whale in zip(images, whales, strict=True))
    (tmp_path / "train.csv").write_text("Image,whaleID\n" + rows)
    (tmp_path / "sample_submission.csv").write_text("Image,whale_0,whale_1,whale_2\nw_99.jpg,0,0,0\n")
    out = tmp_path / "folds.csv"
    command = ["folds", str(tmp_path), "--folds", "2", "--seed", "5", "--out", str(out)]
    assert main(command) == 0
    pd.testing.assert_frame_equal(folds.read(out), dealing.make(images, whales, 2, 5))
    assert main([*command[:-4], "--seed", "6", "--out", str(out)]) == 2
    assert "otherwise" in capsys.readouterr().err


def test_skipped_photos_leave_the_others_where_they_are() -> None:
    """Of whale a photos of both folds remain; of b those of one fold alone, of c one photo: those always train from now on."""
    whale = {"a1": 0, "a2": 1, "a3": 0, "b1": 0, "b2": 1, "b3": 0, "c1": 0, "c2": 1, "d1": -1}
    dealt = pd.DataFrame({"Image": list(whale), "fold": list(whale.values()), "kind": "closed"})
    table = pd.DataFrame({"Image": list(whale), "whaleID": [name[0] for name in whale]})
    gone = table["Image"].isin(["a3", "b2", "c1"])
    left = folds.without(dealt, table[~gone], table[gone])
    assert dict(zip(left["Image"], left["fold"], strict=True)) == {"a1": 0, "a2": 1, "b1": -1, "b3": -1, "c2": -1, "d1": -1}
    pd.testing.assert_frame_equal(folds.without(dealt, table, table[:0]), dealt)
    disjoint = folds.without(dealt.assign(kind="disjoint"), table[~gone], table[gone])
    assert disjoint["fold"].tolist() == [0, 1, 0, 0, 1, -1]  # whales are held out whole as before
    with pytest.raises(folds.FoldsError, match="fold 1 has no photo left"):
        folds.without(dealt, table[table["Image"].isin(["a1", "b1"])], table[:1])


def test_extend_from_the_command_line(tmp_path: Path) -> None:
    for name, rows in (("train.csv", "Image,whaleID\n{}"), ("sample_submission.csv", "Image,a,b\nt.jpg,0.5,0.5\n")):
        (tmp_path / name).write_text(rows.format("".join(f"{whale}{n}.jpg,{whale}\n" for whale in "ab" for n in range(4))))
    out = tmp_path / "folds.csv"
    assert main(["folds", str(tmp_path), "--folds", "2", "--out", str(out)]) == 0
    before = folds.read(out)
    with (tmp_path / "train.csv").open("a") as table:
        table.write("b9.jpg,b\n")
    assert main(["folds", str(tmp_path), "--folds", "2", "--out", str(out)]) == 2  # never silently
    assert main(["folds", str(tmp_path), "--extend", "--out", str(out)]) == 0
    after = folds.read(out)
    assert after[after["Image"] != "b9.jpg"].reset_index(drop=True).equals(before) and len(after) == 9
