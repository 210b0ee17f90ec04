import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whichwhale.score.submission import SubmissionError, read, validate, write

SAMPLE = "Image,whale_1,whale_2,whale_3\nw_1.jpg,0,0,0\nw_2.jpg,0,0,0\n"
GOOD = "Image,whale_1,whale_2,whale_3\nw_1.jpg,0.5,0.25,0.25\nw_2.jpg,1e-05,0.99999,0\n"


def refusal(tmp_path: Path, text: str) -> str:
    (tmp_path / "sample.csv").write_text(SAMPLE)
    (tmp_path / "ours.csv").write_text(text)
    with pytest.raises(SubmissionError) as caught:
        validate(tmp_path / "ours.csv", tmp_path / "sample.csv")
    return str(caught.value)


def test_bytes_by_hand(tmp_path: Path) -> None:
    write(tmp_path / "s.csv", ["w_1.jpg", "w_2.jpg"], ["whale_1", "whale_2", "whale_3"], [[0.5, 0.25, 0.25], [1e-5, 0.99999, 0]])
    assert (tmp_path / "s.csv").read_text() == GOOD
    write(tmp_path / "third.csv", ["w_1.jpg"], ["a", "b"], [[1 / 3, 2 / 3]])
    assert (tmp_path / "third.csv").read_bytes() == b"Image,a,b\nw_1.jpg,0.333333,0.666667\n"


def test_gzip_depends_on_content_alone(tmp_path: Path) -> None:
    for name in ("one.csv.gz", "two.csv.gz"):
        write(tmp_path / name, ["w_1.jpg"], ["a", "b"], [[0.5, 0.5]])
    packed = (tmp_path / "one.csv.gz").read_bytes()
    assert packed == (tmp_path / "two.csv.gz").read_bytes()
    assert packed[3:8] == bytes(5)  # no flags (so no file name), time 0
    assert gzip.decompress(packed) == b"Image,a,b\nw_1.jpg,0.5,0.5\n"


def test_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write(path, ["w_1.jpg"], ["a", "b"], [[0.5, 0.5]])
    before = path.read_bytes()
    with pytest.raises(SubmissionError):
        write(path, ["w_1.jpg"], ["a", "b"], [[0.5, np.nan]])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["s.csv"]


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 12),
    classes=st.integers(1, 500),
    sharpness=st.floats(0, 60),
    off=st.floats(-9.8e-4, 9.8e-4),
    ending=st.sampled_from([".csv", ".csv.gz"]),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, seed: int, rows: int, classes: int, sharpness: float, off: float, ending: str
) -> None:
    folder = tmp_path_factory.mktemp("round")
    random = np.random.default_rng(seed)
    logits = sharpness * random.random((rows, classes))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p *= (1 + off) / p.sum(axis=1, keepdims=True)
    images = [f"w_{number}.jpg" for number in random.permutation(10 * rows)[:rows]]
    class_id = [f"whale_{number:05d}" for number in range(classes)]
    write(folder / f"ours{ending}", images, class_id, p)
    sample = [",".join(("Image", *class_id))] + [",".join((image, *["0"] * classes)) for image in sorted(images)]
    (folder / "sample.csv").write_text("\n".join(sample) + "\n")
    validate(folder / f"ours{ending}", folder / "sample.csv")
    back = read(folder / f"ours{ending}")
    assert back.image == images and back.class_id == class_id
    np.testing.assert_allclose(back.p, p, rtol=5.0001e-6, atol=0)
    assert np.abs(back.p.sum(axis=1) - 1).max() <= 1e-3
    write(folder / f"again{ending}", back.image, back.class_id, back.p)
    assert (folder / f"again{ending}").read_bytes() == (folder / f"ours{ending}").read_bytes()


def test_row_order_line_ends_and_byte_mark_are_free(tmp_path: Path) -> None:
    (tmp_path / "sample.csv").write_text(SAMPLE)
    head, first, second = GOOD.splitlines()
    (tmp_path / "ours.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join([head, second, first, "", ""]).encode())
    validate(tmp_path / "ours.csv", tmp_path / "sample.csv")
    assert read(tmp_path / "ours.csv").image == ["w_2.jpg", "w_1.jpg"]


def test_gzip_is_known_by_content(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(gzip.compress(GOOD.encode()))
    np.testing.assert_array_equal(read(tmp_path / "s.csv").p, [[0.5, 0.25, 0.25], [1e-5, 0.99999, 0]])


@pytest.mark.parametrize(
    ("old", "new", "kind", "where"),
    [
        ("0.5,", "nan,", "not a number (1)", "line 2 (w_1.jpg), column whale_1: 'nan'"),
        ("0.5,", ",", "not a number (1)", "line 2 (w_1.jpg), column whale_1: ''"),
        ("0.99999", "high", "not a number (1)", "line 3 (w_2.jpg), column whale_2: 'high'"),
        ("0.99999", "0.99_999", "not a number (1)", "line 3 (w_2.jpg), column whale_2: '0.99_999'"),
        ("0.99999", "inf", "infinite (1)", "line 3 (w_2.jpg), column whale_2: inf"),
        ("0.25,0.25", "0.75,-0.25", "negative (1)", "line 2 (w_1.jpg), column whale_3: -0.25"),
        ("0.99999", "0.9", "row sum off 1 by more than 0.001 (1)", "line 3 (w_2.jpg): sum 0.90001"),
        ("0.99999,0", "0.99999", "wrong number of cells (1)", "line 3 (w_2.jpg): 3, the header has 4"),
        ("0.25,0.25", "0.25,0.25,0", "wrong number of cells (1)", "line 2 (w_1.jpg): 5, the header has 4"),
        ("w_2.jpg", "w_1.jpg", "photo more than once (1)", "line 3 (w_1.jpg), first in line 2 (w_1.jpg)"),
        ("w_2.jpg", "w_1.jpg", "photo missing (1)", "'w_2.jpg'"),
        ("w_2.jpg", "w_3.jpg", "photo not in the sample (1)", "line 3 (w_3.jpg)"),
        ("whale_3", "whale_4", "column missing (1)", "'whale_3'"),
        ("whale_3", "whale_4", "column not in the sample (1)", "'whale_4'"),
        ("whale_3", "whale_2", "column more than once (1)", "'whale_2': 2 times"),
        (
            "whale_2,whale_3",
            "whale_3,whale_2",
            "column in another order than the sample's (2)",
            "column 3: 'whale_3', the sample has 'whale_2'",
        ),
    ],
)
def test_refused_by_line_and_column(tmp_path: Path, old: str, new: str, kind: str, where: str) -> None:
    assert old in GOOD
    message = refusal(tmp_path, GOOD.replace(old, new, 1)).splitlines()
    assert message[0].endswith("ours.csv: not a valid submission")
    assert f"    {where}" in message[message.index(f"  {kind}:") :]


def test_each_problem_is_told_once(tmp_path: Path) -> None:
    for old, new in (("0.5,", "nan,"), ("0.99999", "high"), ("0.99999", "inf"), ("0.99999,0", "0.99999")):
        assert refusal(tmp_path, GOOD.replace(old, new, 1)).count("\n") == 2


def test_all_kinds_are_told_together_ten_of_each(tmp_path: Path) -> None:
    rows = "".join(f"x_{number}.jpg,0.5,0.5,-1\n" for number in range(25))
    message = refusal(tmp_path, GOOD + rows)
    for kind in ("photo not in the sample (25):", "negative (25):", "row sum off 1 by more than 0.001 (25):"):
        assert kind in message
    assert message.count("... and 15 more") == 3
    assert "line 13 (x_9.jpg)" in message and "line 14" not in message


def test_read_takes_unscaled_rows_but_no_broken_ones(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("Image,a,b\nw_1.jpg,2,6\n")
    np.testing.assert_array_equal(read(path).p, [[2, 6]])
    for row, message in (
        ("w_1.jpg,-1,2", "negative"),
        ("w_1.jpg,x,2", "not a number"),
        ("w_1.jpg,1,0\nw_1.jpg,1,0", "more than once"),
    ):
        path.write_text(f"Image,a,b\n{row}\n")
        with pytest.raises(SubmissionError, match=message):
            read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: must be 'Image'"),
        (b"id,a\nw_1.jpg,1\n", "line 1: must be 'Image'"),
        (b"Image,a\n", "no rows below the header"),
        (gzip.compress(GOOD.encode(), mtime=0)[:-12], "can't be read"),
        (b"\x1f\x8b nothing", "can't be read"),
        (b"Image,a\n\xff\xfe,1\n", "can't be read"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "s.csv").write_bytes(content)
    with pytest.raises(SubmissionError, match=message):
        read(tmp_path / "s.csv")


def test_missing_files_and_bad_samples_are_named(tmp_path: Path) -> None:
    (tmp_path / "ours.csv").write_text(GOOD)
    with pytest.raises(SubmissionError, match=r"absent\.csv: no such file"):
        validate(tmp_path / "ours.csv", tmp_path / "absent.csv")
    (tmp_path / "train.csv").write_text("Image\nw_1.jpg\n")
    with pytest.raises(SubmissionError, match=r"train\.csv: not a sample_submission"):
        validate(tmp_path / "ours.csv", tmp_path / "train.csv")


@pytest.mark.parametrize(
    ("images", "class_id", "p", "message"),
    [
        (["w_1.jpg"], ["a", "b"], [[0.5, 0.5], [0.5, 0.5]], r"shape \(2, 2\), for 1 photos and 2 classes"),
        (["w_1.jpg"], ["a", "b"], [[0.5, np.nan]], r"row 0 \(w_1.jpg\), column b: NaN"),
        (["w_1.jpg"], ["a", "b"], [[1.5, -0.5]], r"row 0 \(w_1.jpg\), column b: -0.5"),
        (["w_1.jpg"], ["a", "b"], [[0.5, 0.4]], r"row 0 \(w_1.jpg\): sum 0.9"),
        (["w_1.jpg"], ["a", "b"], [[0.5, 0.500995]], r"row 0 \(w_1.jpg\): sum 1.001"),
        (["w_1.jpg", "w_1.jpg"], ["a"], [[1], [1]], "photo more than once"),
        (["w_1.jpg"], ["a", "a"], [[0.5, 0.5]], "column more than once"),
        (["w,1.jpg"], ["a"], [[1]], "name that can't stand in the CSV"),
        ([], ["a"], np.empty((0, 1)), "0 photos"),
    ],
)
def test_writer_refuses(tmp_path: Path, images: list[str], class_id: list[str], p: object, message: str) -> None:
    with pytest.raises(SubmissionError, match=message):
        write(tmp_path / "s.csv", images, class_id, p)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
