"""Lists of five: every figure by hand, and pairs of files on the same photos."""

import json
from pathlib import Path

import numpy as np
import pytest

from whichwhale.score.__main__ import main
from whichwhale.score.lists import Places, compare, lists_of, numbers
from whichwhale.score.submission import Submission
from whichwhale.score.top5 import TopFive

TRUTH = {"w_1": "a", "w_2": "stranger", "w_3": "b", "w_4": "c"}
TRAIN = {"t_1": "a", "t_2": "a", "t_3": "b", "t_4": "c"}
FIVE = TopFive(
    ["w_4", "w_3", "w_2", "w_1", "w_9"],
    [list("abdef"), list("abdef"), ["a", "b", "new_whale", "c", "d"], list("abcde"), list("abcde")],
)


def test_figures_by_hand() -> None:
    places = Places.of(FIVE, TRUTH, {"a", "b", "c"})
    assert places.image == ["w_1", "w_2", "w_3", "w_4"] and places.answer == ["a", "new_whale", "b", "c"]
    assert places.place.tolist() == [0, 2, 1, 5]
    np.testing.assert_allclose(places.precision, [1, 1 / 3, 1 / 2, 0])
    found = numbers(places, TRUTH, TRAIN, 0)
    assert [found[f"top_{k}"] for k in (1, 3, 5)] == [0.25, 0.75, 0.75]
    assert found["map_at_5"] == pytest.approx(11 / 24)
    assert found["map_at_5_interval"]["low"] < 11 / 24 < found["map_at_5_interval"]["high"]
    groups = [(one["low"], one["high"], one["photos"], one["map_at_5"]) for one in found["by_training_photos"]]
    assert groups == [(0, 0, 1, pytest.approx(1 / 3)), (1, 1, 2, 0.25), (2, 4, 1, 1.0)]
    assert numbers(places, TRUTH, None, 0)["by_training_photos"] == []


def test_a_pair_is_of_the_photos_that_both_answer() -> None:
    theirs = TopFive(["w_3", "w_1"], [list("badef"), list("bacde")])
    found = compare(Places.of(FIVE, TRUTH), Places.of(theirs, TRUTH, partial=True), 0)
    assert found["photos"] == 2 and found["verdict"] == "can't be told apart"
    assert found["map_at_5"]["mean"] == pytest.approx(0) and found["top_1"]["mean"] == 0
    many = [f"w_{n}" for n in range(50)]
    good, bad = (Places.of(TopFive(many, [list(one)] * 50), dict.fromkeys(many, "a")) for one in ("abcde", "bcdea"))
    assert compare(good, bad, 0)["verdict"] == "better" and compare(bad, good, 0)["verdict"] == "worse"
    assert compare(good, bad, 0)["map_at_5"]["mean"] == pytest.approx(0.8)
    with pytest.raises(ValueError, match="answered by both"):
        compare(good, Places.of(TopFive(["x"], [list("abcde")]), {"x": "a"}), 0)


def test_a_table_stands_beside_lists_by_its_own() -> None:
    table = Submission(["w_1"], list("abcdef"), np.array([[0.5, 0.2, 0.1, 0.1, 0.06, 0.04]]))
    assert lists_of(table, 0.3).guesses == [["a", "new_whale", "b", "c", "d"]]


def test_two_files_and_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("truth.csv").write_text("Image,whaleID\nw_1.jpg,a\nw_2.jpg,b\n")
    Path("one.csv").write_text("Image,Id\nw_1.jpg,a b c d e\nw_2.jpg,a b c d e\n")
    Path("two.csv").write_text("Image,Id\nw_2.jpg,c d e b a\nw_1.jpg,b a c d e\n")
    Path("table.csv").write_text("Image,a,b,c,d,e\nw_1.jpg,.6,.1,.1,.1,.1\nw_2.jpg,.1,.6,.1,.1,.1\n")
    files = ["one.csv", "two.csv", "table.csv"]
    assert main([*files, "--truth", "truth.csv", "--json", "all.json"]) == 0
    out, kept = capsys.readouterr().out, json.loads(Path("all.json").read_text())
    assert [(one["ours"], one["theirs"]) for one in kept["pairs"]] == [
        (files[0], files[1]),
        (files[0], files[2]),
        (files[1], files[2]),
    ]
    assert [one["map_at_5"]["mean"] for one in kept["pairs"]] == [0.375, -0.25, -0.625]
    assert kept["scores"]["one.csv"]["top_1"] == 0.5 and kept["scores"]["one.csv"]["top_3"] == 1
    assert "one.csv minus two.csv, paired over 2 photos: better by MAP@5" in out
    assert (
        "two.csv\nphotos scored    2; whales that the other files do not show are new_whale\nMAP@5            0.3750 (95%" in out
    )
