"""Metrics, bootstrap, and the submission file: pure numpy, uses no room."""

from whichwhale.score.bootstrap import Interval, mean_interval, paired_bootstrap
from whichwhale.score.calibration import (
    Reliability,
    calibration_error,
    debiased_square,
    expected_calibration_error,
    reliability_curve,
)
from whichwhale.score.evaluation import Evaluation, evaluate, place_in_2016, read_truth
from whichwhale.score.log_loss import log_loss, log_loss_rows
from whichwhale.score.neighbours import among_themselves, nearest_neighbour, verification_auc
from whichwhale.score.ranking import NEW_WHALE, macro_accuracy, map_at_5, rank_of_truth, ranked_lists, top_k
from whichwhale.score.submission import Submission, SubmissionError

__all__ = [
    "NEW_WHALE",
    "Evaluation",
    "Interval",
    "Reliability",
    "Submission",
    "SubmissionError",
    "among_themselves",
    "calibration_error",
    "debiased_square",
    "evaluate",
    "expected_calibration_error",
    "log_loss",
    "log_loss_rows",
    "macro_accuracy",
    "map_at_5",
    "mean_interval",
    "nearest_neighbour",
    "paired_bootstrap",
    "place_in_2016",
    "rank_of_truth",
    "ranked_lists",
    "read_truth",
    "reliability_curve",
    "top_k",
    "verification_auc",
]
