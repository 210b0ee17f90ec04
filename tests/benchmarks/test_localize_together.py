"""Several rows' answers together: exact means, and which rows are in a group."""

import localize_together
import numpy as np
import pytest


def test_the_mean_of_two_answers_by_hand() -> None:
    """Two members, of whom one is sure of the wrong whale in one photo of ten: (0.9 + 0.1) / 2 there."""
    truth = np.arange(10) % 2
    right = np.where(np.arange(2) == truth[:, None], 0.9, 0.1)
    once_wrong = right.copy()
    once_wrong[3] = once_wrong[3, ::-1]
    told = localize_together.together("both", [right, once_wrong], ["a", "b"], truth, best=-np.log(0.9))
    mean = -(9 * np.log(0.9) + np.log(0.5)) / 10
    assert told["log_loss"] == pytest.approx(mean) and told["of_true"] == pytest.approx(mean / -np.log(0.9) - 1)
    assert told["losses"][3] == pytest.approx(np.log(2)) and told["fitted"] < mean  # both may be trusted more than they trust
    alone = localize_together.together("one", [right], ["a"], truth, best=1.0)
    assert alone["fitted"] is None and "| one | 1 | 0.105 | -89.5% |  |  | 100.0% |" in localize_together.as_text([alone], 1.0)


def test_groups_have_each_fit_once() -> None:
    there = ["heatmap", "step-back", "edges", "retinanet", "transformer", "one-net", "two-looks", "one-view", "aligner-bins"]
    assert localize_together.groups(there) == {
        "all localizers, one aligner": ["heatmap", "retinanet"],
        "one localizer, all aligners": ["heatmap", "aligner-bins"],
        "all": ["heatmap", "retinanet", "aligner-bins", "one-net"],
    }
