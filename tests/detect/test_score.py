import math

import pandas as pd
import pytest

from whichwhale.annotations import build
from whichwhale.annotations.table import BY_HAND, MEAN_OF_FOLDS
from whichwhale.detect.negatives import hard_negatives
from whichwhale.detect.score import ALL, in_words, score
from whichwhale.detect.seen import SeenError, read, seen
from whichwhale.runs import trained_on


def table(*rows, fold: int = BY_HAND, by_hand: bool = False) -> pd.DataFrame:
    """Rows (photo, part, x, y, width, height[, score]); (photo,) has nothing. Animals are numbered as they come. By hand, nobody
    was trained on anything."""
    built, count = [], {}
    for image, *rest in rows:
        row = {"Image": image, "fold": -1 if by_hand else fold, "photo_width": 100, "photo_height": 100}
        if not rest:
            built.append(row | {"status": "none"})
            continue
        part, *box = rest
        k = count[image, part] = count.get((image, part), -1) + 1
        row |= {"item": f"{image}#{k}", "part": part} | dict(zip(["x", "y", "width", "height", "score"], box, strict=False))
        built.append(row)
    return build(built, [])


TRUTH = table(
    ("a", "head", 0, 0, 10, 10),
    ("a", "head", 50, 50, 10, 10),
    ("b", "head", 0, 0, 10, 10),
    ("b", "fluke", 30, 0, 20, 10),
    ("c",),
    by_hand=True,
)


def test_perfect_boxes_score_one():
    found = table(
        *((row.Image, row.part, row.x, row.y, row.width, row.height, 0.9) for row in TRUTH.itertuples() if row.x == row.x), ("c",)
    )
    scores = score(found, TRUTH, 0.5).set_index("part")
    assert list(scores.index) == ["head", "fluke", ALL]
    columns = ["ap50", "ap50_95", "precision", "recall", "f1", "iou"]
    assert scores[columns].to_numpy() == pytest.approx(1.0)
    assert scores.loc[ALL, ["boxes", "tp", "fp", "fn"]].tolist() == [4, 4, 0, 0]


def test_average_precision_from_first_principles():
    # Heads by score: hit, miss, hit; one of three true heads is never found. Precision 1 up to recall 1/3, 2/3 up to 2/3, else 0:
    # of COCO's 101 recalls 34 (0 to 0.33) have 1 and 33 (0.34 to 0.66) have 2/3.
    found = table(
        ("a", "head", 0, 0, 10, 10, 0.9), ("a", "head", 80, 0, 10, 10, 0.8), ("b", "head", 0, 0, 10, 10, 0.7), ("c",)
    )  # fmt: skip
    scores = score(found, TRUTH, 0.75).set_index("part")
    assert scores.loc["head", "ap50"] == pytest.approx((34 + 33 * 2 / 3) / 101)
    assert scores.loc["head", "ap50_95"] == pytest.approx(scores.loc["head", "ap50"])  # the hits are exact
    assert scores.loc["fluke", "ap50"] == 0.0
    assert scores.loc[ALL, "ap50"] == pytest.approx(scores.loc["head", "ap50"] / 2)
    # At 0.75 one head counts as hit and one as false.
    assert scores.loc["head", ["tp", "fp", "fn"]].tolist() == [1, 1, 2]
    head = scores.loc["head"]
    assert (head["precision"], head["recall"], head["f1"]) == pytest.approx((1 / 2, 1 / 3, 2 / 5))
    assert scores.loc[ALL, ["tp", "fp", "fn"]].tolist() == [1, 1, 3]


def test_a_shifted_box_counts_up_to_its_overlap():
    # 2 of 10 px off: IoU 80 / 120 = 2/3 passes 0.50, 0.55, 0.60, 0.65 of the ten thresholds.
    found = table(("b", "fluke", 30, 2, 20, 10, 0.6))
    scores = score(found, TRUTH, 0.5, parts=["fluke"]).set_index("part")
    assert scores.loc["fluke", "ap50"] == pytest.approx(1.0)
    assert scores.loc["fluke", "ap50_95"] == pytest.approx(0.4)
    assert scores.loc["fluke", "iou"] == pytest.approx(2 / 3)


def test_photos_without_a_whale_count_against_what_is_found_there():
    found = table(("c", "head", 0, 0, 10, 10, 0.9), ("b", "head", 0, 0, 10, 10, 0.5))
    head = score(found, TRUTH, 0.4).set_index("part").loc["head"]
    assert head[["tp", "fp", "fn"]].tolist() == [1, 1, 0] and head["ap50"] == pytest.approx(0.5)
    assert math.isnan(score(table(("c", "head", 0, 0, 1, 1, 0.9)), TRUTH, 0.4, parts=["head"]).loc[0, "ap50"])


def test_a_part_that_the_truth_never_shows_counts_against_who_finds_it():
    scores = score(table(("b", "head", 0, 0, 10, 10, 0.5), ("b", "tail", 0, 0, 9, 9, 0.9)), TRUTH, 0.4).set_index("part")
    assert scores.loc["tail", ["tp", "fp", "fn"]].tolist() == [0, 1, 0] and math.isnan(scores.loc["tail", "ap50"])
    assert scores.loc[ALL, "fp"] == 1


def test_nothing_found_and_what_can_not_be_scored():
    nothing = score(table(("a",), ("b",)), TRUTH, 0.5).set_index("part")
    assert nothing["ap50"].tolist() == [0, 0, 0] and nothing.loc[ALL, "fn"] == 4
    assert math.isnan(nothing.loc[ALL, "precision"]) and nothing.loc[ALL, "recall"] == 0
    assert "nan" in in_words(nothing.reset_index(), 0.5)
    with pytest.raises(ValueError, match="no photo in common"):
        score(table(("z",)), TRUTH, 0.5)
    with pytest.raises(ValueError, match="a#0 head: has no score"):
        score(table(("a", "head", 0, 0, 1, 1)), TRUTH, 0.5)


def test_photos_that_were_trained_on_are_refused(tmp_path):
    trained_on.write(tmp_path / "fold1", {("b", "w"), ("a", "w")})
    (tmp_path / "fold0").mkdir()
    (tmp_path / "fold0" / "trained_on.csv").write_text("Image\nc\n")  # as older fits have it
    learnt = read(tmp_path)
    assert learnt == {0: {"c"}, 1: {"a", "b"}} and read(tmp_path / "fold1") == {1: {"a", "b"}}
    found = table(("a", "head", 0, 0, 10, 10, 0.9), fold=0)
    assert seen(found, learnt) == {}
    assert score(found, TRUTH, 0.5, learnt).loc[0, "tp"] == 1
    for fold, why in ((1, "fold 1's model, which found it, was trained on it"), (MEAN_OF_FOLDS, "one of those that found it")):
        with pytest.raises(SeenError, match=f"1 photos can't be scored, the first is a: .*{why}"):
            score(found.assign(fold=fold), TRUTH, 0.5, learnt)
        with pytest.raises(SeenError):
            hard_negatives(found.assign(fold=fold), TRUTH, 0.5, learnt)
    with pytest.raises(SeenError, match="nothing says what they were trained on"):
        score(found.assign(fold=MEAN_OF_FOLDS), TRUTH, 0.5)
    for told in ({}, {1: {"c"}}):  # of fold 0 nobody knows
        with pytest.raises(SeenError, match=r"fold 0's model found it, and nothing says what that was trained on \(no fold0/"):
            score(found, TRUTH, 0.5, told)
    by_hand = found.assign(fold=-1, source="hand", score=math.nan)
    assert seen(by_hand, {}) == {} == seen(by_hand, learnt)
    # Formats without a place for the fold say -1 of what a model found; then any of its folds may have found it.
    for lost in (found.assign(fold=-1, source="sea/parts/fold0"), found.assign(fold=-1, source="hand")):
        assert set(seen(lost, learnt)) == {image for images in learnt.values() for image in images} & set(found["Image"])
        assert seen(lost, {}) == {}


def test_another_data_sets_photo_of_the_same_name_was_not_learnt_from(tmp_path, monkeypatch):
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    (tmp_path / "input" / "sea").mkdir(parents=True)
    (tmp_path / "input" / "sea" / "train.csv").write_text("Image,whaleID\na,whale_0\nb,whale_1\nc,whale_0\n")
    (tmp_path / "input" / "sea" / "sample_submission.csv").write_text("Image,whale_0,whale_1\nt,0.5,0.5\n")
    # From another survey; of its own; of its own without a label; a test photo, or another's of that name: nobody can tell.
    trained_on.write(tmp_path / "fold0", {("a", "whale_7"), ("b", "whale_1"), ("c", ""), ("t", "whale_7")})
    assert read(tmp_path) == {0: {"a", "b", "c", "t"}}  # the fit doesn't say what its data set is
    (tmp_path / "fold0" / "config.yaml").write_text("room: detect\ndata: {root: sea}\n")
    assert read(tmp_path) == {0: {"b", "c", "t"}}
    assert read(tmp_path, own=False) == {0: {"a", "b", "c", "t"}}
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "gone"))
    assert read(tmp_path) == {0: {"a", "b", "c", "t"}}


def test_hard_negatives_are_named_for_what_they_are():
    found = table(
        ("b", "head", 0, 0, 10, 10, 0.95),  # right
        ("b", "head", 1, 0, 10, 10, 0.8),  # the same head again
        ("b", "head", 31, 0, 20, 10, 0.7),  # the fluke
        ("a", "head", 5, 0, 10, 10, 0.6),  # IoU 1/3
        ("c", "fluke", 0, 0, 10, 10, 0.9),
        ("a", "fluke", 90, 0, 5, 5, 0.2),  # below the threshold
    )
    hard = hard_negatives(found, TRUTH, 0.5)
    assert list(zip(hard["Image"], hard["part"], hard["why"], strict=True)) == [
        ("c", "fluke", "background"),
        ("b", "head", "double"),
        ("b", "head", "is another part: fluke"),
        ("a", "head", "badly placed"),
    ]
    assert hard["score"].tolist() == [0.9, 0.8, 0.7, 0.6]
    assert hard["iou"].tolist() == pytest.approx([0, 9 / 11, 19 / 21, 1 / 3])
