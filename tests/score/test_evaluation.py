import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from whichwhale.score import Quality, Submission, evaluate, place_in_2016, read_truth

P = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [2.0, 1.0, 1.0], [0.6, 0.2, 0.2], [0.2, 0.2, 0.6]])
OURS = Submission(["w_1.jpg", "w_2.jpg", "w_3.jpg", "w_4.jpg", "decoy.jpg"], ["a", "b", "c"], P)
TRUTH = {"w_1.jpg": "b", "w_2.jpg": "b", "w_3.jpg": "a", "w_4.jpg": "stranger"}


def test_by_hand() -> None:
    result = evaluate(OURS, TRUTH)
    assert (result.photos, result.whales, result.without_column, result.without_truth) == (3, 2, 1, 1)
    losses = [-math.log(0.3), -math.log(0.8), math.log(2)]
    assert result.log_loss.mean == pytest.approx(sum(losses) / 3, rel=1e-14)
    assert min(losses) <= result.log_loss.low < result.log_loss.mean < result.log_loss.high <= max(losses)
    assert (result.top_1, result.top_3, result.top_5) == (2 / 3, 1.0, 1.0)
    assert result.macro_accuracy == 0.75
    assert result.map_at_5 == pytest.approx((1 / 2 + 1 + 1 + 0) / 4)
    assert result.by_training_photos == ()


def test_new_whale_by_rescaled_probability() -> None:
    # Rescaled best guesses are 0.5, 0.8, 0.5, 0.6: below 0.7 the stranger comes first, and so it does for w_1 and w_3.
    assert evaluate(OURS, TRUTH, new_whale=0.7).map_at_5 == pytest.approx((1 / 3 + 1 + 1 / 2 + 1) / 4)


def test_by_training_photos() -> None:
    train = {f"t_{number}.jpg": "b" for number in range(4)} | {"u.jpg": "c"}
    groups = evaluate(OURS, TRUTH, train=train).by_training_photos
    assert [(group.low, group.high, group.photos, group.top_1) for group in groups] == [(0, 0, 1, 1.0), (2, 4, 2, 0.5)]
    assert groups[0].log_loss == pytest.approx(math.log(2))
    assert groups[1].log_loss == pytest.approx(-math.log(0.3 * 0.8) / 2)
    many = {f"t_{number}.jpg": "b" for number in range(33)} | {f"u_{number}.jpg": "a" for number in range(20)}
    assert [(group.low, group.high, group.photos) for group in evaluate(OURS, TRUTH, train=many).by_training_photos] == [
        (20, None, 3)
    ]


def test_by_quality_and_whale() -> None:
    quality = {"w_1.jpg": Quality(80.0, 0.1), "w_2.jpg": Quality(20.0, math.nan), "decoy.jpg": Quality(1.0, 1.0)}
    result = evaluate(OURS, TRUTH, quality=quality)
    assert [(group.low, group.high, group.photos) for group in result.by_distance] == [(20, 20, 1), (80, 80, 1)]
    assert [(group.low, group.photos) for group in result.by_uncertainty] == [(0.1, 1)]
    assert result.without_quality == 1
    assert [(one.whale, one.photos, one.taken_for) for one in result.by_whale] == [("b", 2, "a"), ("a", 1, "")]
    assert result.novelty.photos == 1 and result.novelty.auc == 1 / 3  # 0.6 is less sure than 0.8, surer than 0.5 and 0.5
    assert evaluate(OURS, {"w_1.jpg": "b"}).novelty is None


def test_photos_that_are_lacking_are_left_out_if_wanted() -> None:
    result = evaluate(OURS, TRUTH | {"w_9.jpg": "a"}, partial=True)
    assert (result.photos, result.without_answer) == (3, 1)
    with pytest.raises(ValueError, match="no photo of the truth is in the submission"):
        evaluate(OURS, {"w_9.jpg": "a"}, partial=True)


def test_order_of_rows_changes_nothing() -> None:
    back = Submission(OURS.image[::-1], OURS.class_id, P[::-1])
    assert evaluate(back, TRUTH) == evaluate(OURS, TRUTH)


def test_refused() -> None:
    with pytest.raises(ValueError, match=r"1 photos of the truth are not in the submission: w_9\.jpg"):
        evaluate(OURS, TRUTH | {"w_9.jpg": "a"})
    with pytest.raises(ValueError, match="no whale of the truth has a column"):
        evaluate(OURS, {"w_1.jpg": "stranger"})
    with pytest.raises(ValueError, match=r"w_2\.jpg: all probabilities are 0"):
        evaluate(Submission(["w_1.jpg", "w_2.jpg"], ["a"], np.array([[1.0], [0.0]])), {"w_1.jpg": "a", "w_2.jpg": "a"})


@pytest.mark.parametrize(
    ("loss", "place"),
    [
        (0.5, "1st"),
        (0.596, "1st"),
        (0.6, "2nd"),
        (1.1, "3rd"),
        (1.2, "4th"),
        (1.336, "4th"),
        (1.4, "5th"),
        (1.5, "6th to 10th"),
        (2.138, "6th to 10th"),
        (2.2, "after the 10th"),
    ],
)
def test_place(loss: float, place: str) -> None:
    assert place_in_2016(loss) == place


def test_truth(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("whaleID,Usage,Image\na,Private,w_1.jpg\nb,Public,w_2.jpg\na,Private,w_1.jpg\n")
    assert read_truth(path) == {"w_1.jpg": "a", "w_2.jpg": "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Image,whale\nw_1.jpg,a\n", "line 1: no column whaleID"),
        ("", "line 1: no column Image and whaleID"),
        ("Image,whaleID\n", "no rows"),
        ("Image,whaleID\nw_1.jpg,\n", "line 2: empty"),
        ("Image,whaleID\nw_1.jpg\n", "line 2: empty"),
        ("Image,whaleID\nw_1.jpg,a\nw_1.jpg,b\n", r"line 3: w_1\.jpg is b, but a above"),
    ],
)
def test_truth_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "truth.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_truth(tmp_path / "truth.csv")
    with pytest.raises(ValueError, match="no such file"):
        read_truth(tmp_path / "absent.csv")


def test_truth_may_be_gzipped_and_have_other_columns(tmp_path: Path) -> None:
    text = "\ufeffplace,whaleID,Image\r\nsea,a,w_1.jpg\r\nsea,b,w_2.jpg\r\n"
    (tmp_path / "truth.csv.gz").write_bytes(gzip.compress(text.encode("utf-8")))
    assert read_truth(tmp_path / "truth.csv.gz") == {"w_1.jpg": "a", "w_2.jpg": "b"}
