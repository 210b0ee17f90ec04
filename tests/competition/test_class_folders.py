"""Folders of classes: what they are read as, that a photo stays where it is, and what is told of folders that can't be used."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whichwhale import competition
from whichwhale.competition import CompetitionError, dealing, folds, layout
from whichwhale.competition.__main__ import main
from whichwhale.competition.class_folders import place
from whichwhale.competition.config import DataConfig, FoldsConfig
from whichwhale.competition.photos import endings
from whichwhale.config import input_dir


def photo(path: Path, seed: int = 0, size: tuple[int, int] = (12, 9)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, size[::-1], np.uint8)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three classes with 8 grey PGM photos each."""
    for whale in ("alba", "bruno", "carla"):
        for number in range(8):
            photo(tmp_path / "animals" / whale / f"{number}.pgm", number)
    return tmp_path / "animals"


def test_folders_are_classes_and_photos_are_named_by_both(root: Path) -> None:
    (root / ".git").mkdir()
    (root / "readme.txt").write_text("of no class")
    found = competition.read(root, test_share=0.0)
    assert found.class_id == ["alba", "bruno", "carla"] and found.test == [] and found.table is None
    assert found.train.values.tolist()[:2] == [["alba/0.pgm", "alba"], ["alba/1.pgm", "alba"]] and len(found.train) == 24
    pixels = competition.decode(found.photo_path("bruno/3.pgm"))
    expected = np.random.default_rng(3).integers(0, 256, (9, 12), np.uint8)
    np.testing.assert_array_equal(pixels, np.repeat(expected[:, :, None], 3, 2))
    assert competition.check(found) and {problem.kind for problem in competition.check(found)} == {"grey"}


def test_a_share_of_the_photos_are_test_photos_whose_answer_is_known(root: Path) -> None:
    found = competition.read(root, test_share=0.4)
    assert sorted([*found.train["Image"], *found.test]) == sorted(f"{c}/{n}.pgm" for c in found.class_id for n in range(8))
    assert found.test == [image for image in sorted(found.test) if place(image) < 0.4] and 3 <= len(found.test) <= 16
    assert found.answers == {image: image.split("/")[0] for image in found.test}
    assert found.fingerprint() != competition.read(root, test_share=0.2).fingerprint()


def test_places_are_even() -> None:
    places = np.sort([place(f"alba/{number}.jpg") for number in range(2000)])
    assert np.abs(places - np.arange(2000) / 2000).max() < 0.04  # Kolmogorov-Smirnov: p > 0.003


def test_added_photos_and_classes_move_no_other(root: Path) -> None:
    before = competition.read(root, test_share=0.4)
    for number in range(30):
        photo(root / "alba" / f"a_{number}.png", number)  # before the old ones in every order
        photo(root / "aa" / f"{number}.png", number)
    after = competition.read(root, test_share=0.4)
    assert set(before.test) <= set(after.test) and set(before.train["Image"]) <= set(after.train["Image"])
    assert len(after.test) > len(before.test)


def test_a_group_stays_together_in_split_and_folds(root: Path) -> None:
    for number in range(12):
        for shot in "xyz":
            photo(root / "alba" / f"enc{number}_{shot}.jpg", number)
            photo(root / "bruno" / f"enc{number}_{shot}.jpg", number)
    how = {"test_share": 0.3, "group": r"^(enc\d+|\d)"}
    found = competition.read(root, **how)
    split = {image: image in set(found.test) for image in [*found.train["Image"], *found.test]}
    for whale in ("alba", "bruno"):
        for number in range(12):
            assert len({split[f"{whale}/enc{number}_{shot}.jpg"] for shot in "xyz"}) == 1
    assert {split[f"alba/enc{number}_x.jpg"] for number in range(12)} == {True, False}
    dealt = FoldsConfig(count=2).open(root.parent / "folds.csv", found).set_index("Image")["fold"]
    for group in set(found.groups.values()):
        assert len({dealt[image] for image in found.train["Image"] if found.groups[image] == group}) <= 1, group
    for whale in found.class_id:  # closed: each fold model knows every class
        assert len({dealt[image] for image in found.train["Image"] if image.startswith(whale)}) == 2


def test_folds_without_groups_are_as_ever() -> None:
    photos, whales = [f"w_{n}" for n in range(9)], [f"whale_{n % 3}" for n in range(9)]
    alone = {photo: f"group of {photo}" for photo in photos}
    plain, grouped = dealing.make(photos, whales, 3), dealing.make(photos, whales, 3, groups=alone)
    assert plain.equals(dealing.make(photos, whales, 3, groups={})) and grouped["Image"].equals(plain["Image"])
    assert plain["fold"].equals(grouped["fold"])  # the groups' names are in the photos' order


@pytest.mark.parametrize(
    ("group", "told"), [("enc", "alba/0.pgm: no group"), ("(", "data.group=(: unusable pattern")], ids=["unmatched", "broken"]
)
def test_groups_that_can_not_be(root: Path, group: str, told: str) -> None:
    with pytest.raises(CompetitionError) as refused:
        competition.read(root, group=group)
    assert told in str(refused.value)


def test_what_is_wrong_is_told_by_name(root: Path) -> None:
    (root / "dora").mkdir()
    photo(root / "train" / "emil" / "1.jpg")
    photo(root / "franz, jr." / "1.jpg")
    photo(root / "alba" / "a,b.jpg")
    (root / "bruno" / "notes.txt").write_text("seen twice")
    (root / "bruno" / "7.pgm").write_bytes(b"P5\n12 9\n255\n" + b"\0" * 50)
    _, problems = layout.inspect(root)
    assert [(one.severity, one.kind, Path(one.where).name, one.image) for one in problems] == [
        ("error", "unusable name", "a,b.jpg", "alba/a,b.jpg"),
        ("note", "not a photo", "bruno", ""),
        ("error", "empty folder", "dora", ""),
        ("error", "unusable name", "franz, jr.", ""),
        ("error", "empty folder", "train", ""),
    ]
    assert "data.root must end in train" in problems[-1].message
    with pytest.raises(CompetitionError) as refused:
        competition.read_checked(root, skip=True)  # an empty folder can't be skipped: a class would go unnoticed
    assert "dora" in str(refused.value) and "a,b.jpg" not in str(refused.value)
    for name in ("dora", "train", "franz, jr."):
        (root / name).rename(root / f".{name}")
    with pytest.raises(CompetitionError, match=r"bruno/7\.pgm: unreadable photo: truncated"):
        competition.read_checked(root)
    kept = competition.read_checked(root, skip=True, test_share=0.0)
    assert len(kept.train) == 23 and kept.class_id == ["alba", "bruno", "carla"]


def test_one_class_is_none(tmp_path: Path) -> None:
    photo(tmp_path / "alba" / "1.png")
    with pytest.raises(CompetitionError, match="too few classes: it holds only the class 'alba'"):
        competition.read(tmp_path, test_share=0.0)
    with pytest.raises(CompetitionError, match=r"all 1 photos are test photos; lower data\.test_share"):
        competition.read(tmp_path, test_share=1.0)


def test_a_class_of_test_photos_alone_is_told_and_keeps_its_column(root: Path, capsys: pytest.CaptureFixture) -> None:
    number = next(n for n in range(100) if place(f"dora/{n}.png") < 0.3)
    photo(root / "dora" / f"{number}.png")
    found = competition.read_checked(root, test_share=0.3)
    assert "dora: class without training photo" in capsys.readouterr().out
    assert found.class_id[-1] == "dora" and found.prior()[-1] == 1 / (len(found.train) + 4)


def test_tables_are_never_taken_for_folders(root: Path) -> None:
    (root / "train.csv").write_text("Image,whaleID\n")
    with pytest.raises(CompetitionError, match=r"sample_submission\.csv"):
        competition.read(root)
    assert competition.read(root, layout="folders").class_id == ["alba", "bruno", "carla"]
    (root / "train.csv").unlink()
    photo(root / "imgs" / "w_1.jpg")  # photos without tables: the tables are missing, this is no class
    with pytest.raises(CompetitionError, match=r"train\.csv: .*missing"):
        competition.read(root)
    with pytest.raises(CompetitionError, match=r"data\.group=x.*folders of classes"):
        competition.read(root, group="x")
    with pytest.raises(CompetitionError, match="there is no such folder"):
        competition.read(root / "none", layout="folders")


def test_config_and_command_line(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path))
    found = DataConfig(root="animals", test_share=0.0).read(tmp_path / "runs")
    assert len(found.train) == 24 and (tmp_path / "runs" / "photos.json").exists()
    assert main(["check", str(root), "--test-share", "0"]) == 0
    assert capsys.readouterr().out.endswith("24 training and 0 test photos, 3 whales: 0 errors, 24 notes\n")
    assert main(["folds", str(root), "--test-share", "0", "--folds", "2", "--out", str(tmp_path / "folds.csv")]) == 0
    assert folds.read(tmp_path / "folds.csv")["fold"].value_counts().tolist() == [12, 12]


def test_pillow_knows_the_usual_endings() -> None:
    assert {".jpg", ".jpeg", ".png", ".tif", ".pgm", ".bmp", ".webp"} <= endings()
    assert not {".txt", ".csv", ".pdf"} & endings()


def test_faces_five_photos_a_person_rotating(tmp_path: Path) -> None:
    root = input_dir() / "att_faces"
    if not root.is_dir():
        pytest.skip(f"no {root}: see input/README.md")
    found = competition.read(root, test_share=0)
    assert len(found.class_id) == 40 and len(found.train) == 400
    dealt = FoldsConfig(count=2).open(tmp_path / "folds.csv", found)
    person = dealt["Image"].str.partition("/")[0]
    assert (dealt.groupby([person, "fold"]).size() == 5).all() and set(dealt["fold"]) == {0, 1}
