"""Whether scores say that photos are unlike those of training, by hand."""

from pathlib import Path

import pandas as pd

from whichwhale.annotations import build, write
from whichwhale.localize.unlike import in_words, usual_score

BOX = {"x": 0.0, "y": 0.0, "width": 9.0, "height": 9.0}


def table(scores: list[float], fold: int, **more: object) -> pd.DataFrame:
    rows = [{"Image": f"{n}.jpg", "score": score, "fold": fold} | BOX | more for n, score in enumerate(scores)]
    return build([*rows, {"Image": "none.jpg", "status": "none", "score": 0.0, "fold": fold}], [])


def test_usual_score_is_of_held_out_photos_with_a_head(tmp_path: Path) -> None:
    known = [n / 100 for n in range(101)]
    write(tmp_path / "annotations.csv", pd.concat([table(known, 0), table([0.0] * 50, -2, Image="test.jpg")[:1]]))
    assert usual_score(tmp_path) == 0.05
    assert usual_score(tmp_path, "fluke") is None and usual_score(tmp_path / "nothing") is None


def test_folds_are_read_where_none_assembled_them(tmp_path: Path) -> None:
    for fold, scores in enumerate(([0.2] * 10, [0.4] * 10)):
        write(tmp_path / f"fold{fold}" / "annotations.csv", table(scores, fold))
    assert usual_score(tmp_path) == 0.2
    (tmp_path / "fold1" / "annotations.csv").unlink()
    assert usual_score(tmp_path) is None  # ten photos are too few


def test_words_grow_with_the_share_of_unsure_photos() -> None:
    assert in_words(table([0.5] * 20, -2), 0.4) == "" and in_words(table([0.1], -2), None) == ""
    assert in_words(table([0.1] + [0.5] * 19, -2), 0.4) == ""  # as many as are usual
    few, many = in_words(table([0.1] * 3 + [0.5] * 17, -2), 0.4), in_words(table([0.1] * 5 + [0.5] * 15, -2), 0.4)
    assert few.startswith("3 of 20 score below 0.40, as 5% of the photos did") and "unlike" not in few
    assert many.startswith("5 of 20 score below 0.40") and "these photos are unlike those that it learned from" in many
