import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.score import NEW_WHALE, SubmissionError, ranked_lists, top5

WHALES = ["a", "b", "c", "d", "e", "f"]
GOOD = "Image,Id\nw_1.jpg,a b new_whale d e\nw_2.jpg,f e d c b\n"


def test_bytes_by_hand(tmp_path: Path) -> None:
    guesses = [["a", "b", NEW_WHALE, "d", "e"], ["f", "e", "d", "c", "b"]]
    top5.write(tmp_path / "s.csv", ["w_1.jpg", "w_2.jpg"], guesses, WHALES)
    assert (tmp_path / "s.csv").read_text() == GOOD
    top5.write(tmp_path / "s.csv.gz", ["w_1.jpg", "w_2.jpg"], guesses, WHALES)
    assert gzip.decompress((tmp_path / "s.csv.gz").read_bytes()).decode() == GOOD
    assert top5.read(tmp_path / "s.csv.gz", WHALES).guesses == guesses
    assert top5.is_top5(tmp_path / "s.csv.gz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("d e\n", "d\n"), "not 5 ids (1):\n    line 2 (w_1.jpg): 4"),
        (GOOD.replace("d e\n", "d a\n"), "id more than once in a row (1):\n    line 2 (w_1.jpg): a"),
        (GOOD.replace("f e", "z e"), "unknown id (1):\n    line 3 (w_2.jpg): 'z'"),
        (GOOD.replace("w_2", "w_1"), "photo more than once (1):\n    line 3 (w_1.jpg), first in line 2 (w_1.jpg)"),
        (GOOD.replace("w_2", "w_9"), "photo missing (1):\n    'w_2.jpg'\n  photo not in the sample (1):\n    line 3 (w_9.jpg)"),
        (GOOD.replace("a b", "a,b"), "wrong number of cells (1):\n    line 2 (w_1.jpg): 3, the header has 2"),
        (GOOD.replace("Id", "whaleID"), "line 1: must be Image,Id"),
        ("Image,Id\n", "no rows below the header"),
    ],
)
def test_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(SubmissionError) as caught:
        top5.validate_for(tmp_path / "s.csv", ["w_1.jpg", "w_2.jpg"], WHALES)
    assert message in str(caught.value)


def test_either_kind_of_sample(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(GOOD)
    (tmp_path / "lists.csv").write_text("Image,Id\nw_2.jpg,new_whale\nw_1.jpg,new_whale\n")
    top5.validate(tmp_path / "s.csv", tmp_path / "lists.csv")
    (tmp_path / "wide.csv").write_text("Image,a,b,c,d,e\nw_1.jpg,0,0,0,0,0\nw_2.jpg,0,0,0,0,0\n")
    with pytest.raises(SubmissionError, match="unknown id"):
        top5.validate(tmp_path / "s.csv", tmp_path / "wide.csv")


def test_nothing_wrong_is_written(tmp_path: Path) -> None:
    for guesses, whales in (("abcd", WHALES), ("abcdz", WHALES), ("abcde", ["a b", *WHALES])):
        with pytest.raises(SubmissionError):
            top5.write(tmp_path / "s.csv", ["w_1.jpg"], [list(guesses)], whales)
    assert not list(tmp_path.iterdir())


@given(seed=st.integers(0, 2**32 - 1), new_whale=st.none() | st.floats(0, 1))
def test_round_trip_of_ranked_lists(tmp_path_factory: pytest.TempPathFactory, seed: int, new_whale: float | None) -> None:
    p = np.random.default_rng(seed).dirichlet(np.ones(6), 4)
    path, images = tmp_path_factory.mktemp("top5") / "s.csv.gz", [f"w_{n}.jpg" for n in range(4)]
    lists = ranked_lists(p, WHALES, new_whale=new_whale)
    top5.write(path, images, lists, WHALES)
    top5.validate_for(path, images, WHALES)
    table = top5.read(path)
    assert (table.image, table.guesses) == (images, lists)
