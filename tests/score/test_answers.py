from pathlib import Path

import numpy as np
import pytest

from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions, write
from whichwhale.score import read_answers, submission

LN2, LN3 = np.log(2), np.log(3)


def put(path: Path, items: list[str], roles: list[int], logits: list[list[float]]) -> Path:
    write(path, Predictions.of(items, roles, ["a", "b", "c"], np.array(logits)))
    return path


def test_predictions_become_probabilities_of_rows_that_were_left_out(tmp_path: Path) -> None:
    items = ["t.jpg#0", "v.jpg#0", "v.jpg#1", "x.jpg#0"]
    roles = [ROLE_TRAIN, ROLE_VALIDATION, ROLE_VALIDATION, ROLE_TEST]
    path = put(tmp_path / "p.npz", items, roles, [[9, 0, 0], [LN2, 0, 0], [0, 9, 0], [5, 5 + LN3, 5]])
    table = read_answers(path)
    assert (table.image, table.class_id) == (["v.jpg", "x.jpg"], ["a", "b", "c"])
    np.testing.assert_allclose(table.p, [[0.5, 0.25, 0.25], [0.2, 0.6, 0.2]], rtol=1e-6)


def test_a_whale_that_the_fit_never_saw_has_no_column(tmp_path: Path) -> None:
    path = put(tmp_path / "p.npz", ["x.jpg#0"], [ROLE_TEST], [[LN3, np.nan, 0]])
    table = read_answers(path)
    assert table.class_id == ["a", "c"]
    np.testing.assert_allclose(table.p, [[0.75, 0.25]], rtol=1e-6)


def test_a_submission_as_it_is(tmp_path: Path) -> None:
    submission.write(tmp_path / "s.csv.gz", ["x.jpg"], ["a", "b"], [[0.25, 0.75]])
    assert read_answers(tmp_path / "s.csv.gz").p.tolist() == [[0.25, 0.75]]


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="training rows only"):
        read_answers(put(tmp_path / "t.npz", ["t.jpg#0"], [ROLE_TRAIN], [[1, 0, 0]]))
    twice = put(tmp_path / "2.npz", ["v.jpg#0", "v.jpg#0"], [ROLE_VALIDATION, ROLE_TEST], [[1, 0, 0], [1, 0, 0]])
    with pytest.raises(ValueError, match=r"2\.npz: row 1: v\.jpg is test here and validation in row 0"):
        read_answers(twice)
    write(tmp_path / "e.npz", Predictions.of(["x.jpg#0"], [ROLE_TEST], ["a"], None, np.ones((1, 1))))
    with pytest.raises(ValueError, match="only an embedding; .* MODEL_neighbours"):
        read_answers(tmp_path / "e.npz")
