"""The check finds each planted fault, with one message each, and going on without bad photos keeps every test row."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whichwhale import competition
from whichwhale.competition import photos
from whichwhale.competition.__main__ import main


def photo(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six training photos of two whales, three test photos, all sound."""
    (tmp_path / "imgs").mkdir()
    for number in range(1, 10):
        photo(number).save(tmp_path / "imgs" / f"w_{number}.jpg")
    rows = "".join(f"w_{n}.jpg,whale_{'ab'[n % 2]}\n" for n in range(1, 7))
    (tmp_path / "train.csv").write_text("Image,whaleID\n" + rows)
    (tmp_path / "sample_submission.csv").write_text("Image,whale_a,whale_b\n" + "".join(f"w_{n}.jpg,0,0\n" for n in (7, 8, 9)))
    return tmp_path


def spoil(root: Path) -> None:
    """w_1 missing, w_2 truncated, w_3 grey, w_4 turned, w_5 under another case, w_7 (test) empty, w_99 unlisted."""
    images = root / "imgs"
    (images / "w_1.jpg").unlink()
    data = (images / "w_2.jpg").read_bytes()
    (images / "w_2.jpg").write_bytes(data[: len(data) * 9 // 10])
    photo(3).convert("L").save(images / "w_3.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(4).save(images / "w_4.jpg", exif=exif)
    (images / "w_5.jpg").rename(images / "W_5.JPG")
    (images / "w_7.jpg").write_bytes(b"")
    photo(99).save(images / "w_99.jpg")


def test_sound_files_have_no_problem(root: Path) -> None:
    assert competition.check(competition.read(root)) == []
    assert len(competition.read_checked(root).train) == 6


def test_each_fault_has_one_message(root: Path) -> None:
    spoil(root)
    (root / "callosity.csv").write_text("Image,callosity\nw_1.jpg,0\nw_77.jpg,2\n")
    problems = competition.check(competition.read(root), others=[root / "callosity.csv", root / "none.csv"])
    assert [(p.severity, p.kind, p.image) for p in problems] == [
        ("error", "missing photo", "w_1.jpg"),
        ("error", "unreadable photo", "w_2.jpg"),
        ("note", "grey", "w_3.jpg"),
        ("note", "rotation", "w_4.jpg"),
        ("error", "missing photo", "w_5.jpg"),
        ("error", "unreadable photo", "w_7.jpg"),
        ("note", "unlisted photos", ""),
        ("note", "unknown id", "w_77.jpg"),
        ("error", "unusable file", ""),
    ]
    by_image = {problem.image: problem.message for problem in problems}
    assert "truncated" in by_image["w_2.jpg"] and "W_5.JPG" in by_image["w_5.jpg"] and "empty" in by_image["w_7.jpg"]


@pytest.mark.parametrize(
    ("name", "image", "kind"),
    [
        ("palette", photo(1).quantize(8), "palette"),
        ("alpha", photo(1).convert("RGBA"), "alpha"),
        ("deep", Image.fromarray(np.full((8, 8), 999, np.uint16)), "16 bits"),
    ],
)
def test_what_is_read_all_the_same_is_a_note(root: Path, name: str, image: Image.Image, kind: str) -> None:
    image.save(root / "imgs" / "w_1.jpg", "PNG")
    assert [(p.severity, p.kind) for p in competition.check(competition.read(root))] == [("note", kind)]


def test_headers_alone_miss_truncated_photos(root: Path) -> None:
    spoil(root)
    problems = competition.check(competition.read(root), decode=False)
    assert [p.image for p in problems if p.severity == "error"] == ["w_1.jpg", "w_5.jpg", "w_7.jpg"]


def test_skip_bad_drops_training_photos_and_keeps_test_rows(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(root)
    with pytest.raises(competition.CompetitionError) as refused:
        competition.read_checked(root)
    assert len(refused.value.problems) == 4
    kept = competition.read_checked(root, skip=True)
    assert kept.train["Image"].tolist() == ["w_3.jpg", "w_4.jpg", "w_6.jpg"]
    assert kept.test == ["w_7.jpg", "w_8.jpg", "w_9.jpg"] and kept.class_id == ["whale_a", "whale_b"]
    assert kept.skipped["Image"].tolist() == ["w_1.jpg", "w_2.jpg", "w_5.jpg"]
    assert capsys.readouterr().out == (
        "skipped 3 bad training photos (first w_1.jpg), 3 remain; 1 bad test photos get the class prior\n"
    )


def test_a_refusal_lists_all_and_names_the_way_out(root: Path) -> None:
    """Rows and photos are told together; the last line says what skip_bad would do."""
    spoil(root)
    table = root / "train.csv"
    table.write_text(table.read_text() + "w_6.jpg,whale_a\nw_6.jpg,whale_b\nw_9.jpg,whale_b\n")
    with pytest.raises(competition.CompetitionError) as refused:
        competition.read_checked(root)
    lines = str(refused.value).splitlines()
    assert sum("error: " in line for line in lines) == 7
    for part in ("line 8: duplicate row", "line 9: conflicting: w_6.jpg", "line 4: train and test: w_9.jpg", "w_1.jpg: missing"):
        assert part in str(refused.value)
    assert lines[-1] == (
        "data.skip_bad=true goes on without 5 bad training photos; 1 bad test photos then get the class prior"
    )
    kept = competition.read_checked(root, skip=True)
    assert kept.train["Image"].tolist() == ["w_3.jpg", "w_4.jpg"] and "w_9.jpg" in kept.test


def test_many_problems_are_counted_by_kind(root: Path) -> None:
    rows = "".join(f"v_{n}.jpg,whale_a\n" for n in range(30))
    (root / "train.csv").write_text((root / "train.csv").read_text() + rows)
    with pytest.raises(competition.CompetitionError, match="and 10 more; in all 30 missing photo\n.*without 30 bad"):
        competition.read_checked(root)


def test_what_decoding_found_out_is_remembered(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(root)
    decoded: list[str] = []
    decode = photos.decode
    monkeypatch.setattr(photos, "decode", lambda path, **more: decoded.append(path.name) or decode(path, **more))
    tables, memory = competition.read(root), tmp_path / "runs" / "photos.json"

    def check() -> tuple[list[competition.Problem], list[str]]:
        decoded.clear()
        return competition.check(tables, remember=memory), sorted(decoded)

    first, looked = check()
    assert looked == [f"w_{n}.jpg" for n in (2, 3, 4, 6, 8, 9)]  # w_7 fails by its header, w_1 and w_5 are not there
    assert first == competition.check(tables)
    assert check() == (first, [])
    photo(8).resize((9, 9)).save(root / "imgs" / "w_8.jpg")
    (root / "imgs" / "w_1.jpg").write_bytes((root / "imgs" / "w_9.jpg").read_bytes())
    again, looked = check()
    assert looked == ["w_1.jpg", "w_8.jpg"] and again == first[1:]
    memory.write_text(memory.read_text()[:50])
    assert len(check()[1]) == 7  # cut off: all is looked at anew
    (root / "imgs").rename(root / "photos")
    elsewhere = replace(tables, images="photos")
    decoded.clear()
    competition.check(elsewhere, remember=memory)
    assert len(decoded) == 7  # another folder's verdicts say nothing of this one


def test_skip_bad_with_contradicting_rows(root: Path) -> None:
    """Of equal rows one stays, of conflicting ones none; what is not about one training photo can't be skipped."""
    table = root / "train.csv"
    table.write_text(table.read_text() + "w_1.jpg,whale_b\nw_2.jpg,whale_b\n")
    assert competition.read_checked(root, skip=True).train["Image"].tolist() == [f"w_{n}.jpg" for n in (1, 3, 4, 5, 6)]
    table.write_text(table.read_text() + "w_3.j")
    with pytest.raises(competition.CompetitionError, match="wrong row"):
        competition.read_checked(root, skip=True)


def test_a_wrong_folder_is_one_message_not_thousands(root: Path) -> None:
    (root / "imgs").rename(root / "photos")
    with pytest.raises(competition.CompetitionError, match="there is no folder of photos") as refused:
        competition.read_checked(root, skip=True)
    assert len(refused.value.problems) == 1
    assert len(competition.read_checked(root, images="photos").train) == 6
    (root / "imgs").mkdir()
    with pytest.raises(competition.CompetitionError, match="all 6 are bad"):
        competition.read_checked(root, skip=True)


def test_a_training_is_told_that_nothing_will_be_submitted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = root / "sample_submission.csv"
    sample.write_text(sample.read_text().splitlines()[0] + "\n")
    assert competition.read_checked(root).test == []
    assert "no test photo: it has no row, so there will be scores and no submission" in capsys.readouterr().out


def test_the_command(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(root)]) == 0
    assert capsys.readouterr().out.endswith("6 training and 3 test photos, 2 whales: 0 errors, 0 notes\n")
    spoil(root)
    assert main(["check", str(root)]) == 1
    told = capsys.readouterr().out
    assert "w_1.jpg: missing photo" in told and "4 errors, 3 notes" in told
    assert main(["check", str(root), "--skip-bad"]) == 0
    assert "skipped 3 bad training photos" in capsys.readouterr().out
    (root / "train.csv").unlink()
    assert main(["check", str(root)]) == 2
    assert "train.csv: unusable file: the file is missing" in capsys.readouterr().err
