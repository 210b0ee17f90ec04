"""Metrics, bootstrap, and the submission file: numpy and scipy alone, uses no room."""

from whichwhale.score.answers import read_answers
from whichwhale.score.bootstrap import Interval, mean_interval, paired_bootstrap
from whichwhale.score.breakdown import Group, WhaleScore
from whichwhale.score.calibration import (
    Calibration,
    Reliability,
    calibration_error,
    calibration_interval,
    debiased_square,
    error_of_a_perfect_predictor,
    expected_calibration_error,
    reliability_curve,
)
from whichwhale.score.comparison import Comparison, compare
from whichwhale.score.evaluation import Evaluation, evaluate, place_in_2016, read_truth
from whichwhale.score.log_loss import log_loss, log_loss_rows
from whichwhale.score.neighbours import among_themselves, nearest_neighbour, verification_auc
from whichwhale.score.novelty import Novelty, best_threshold, novelty
from whichwhale.score.quality import Quality, QualityError, read_quality
from whichwhale.score.ranking import NEW_WHALE, macro_accuracy, map_at_5, rank_of_truth, ranked_lists, top_k
from whichwhale.score.submission import Submission, SubmissionError

__all__ = [
    "NEW_WHALE",
    "Calibration",
    "Comparison",
    "Evaluation",
    "Group",
    "Interval",
    "Novelty",
    "Quality",
    "QualityError",
    "Reliability",
    "Submission",
    "SubmissionError",
    "WhaleScore",
    "among_themselves",
    "best_threshold",
    "calibration_error",
    "calibration_interval",
    "compare",
    "debiased_square",
    "error_of_a_perfect_predictor",
    "evaluate",
    "expected_calibration_error",
    "log_loss",
    "log_loss_rows",
    "macro_accuracy",
    "map_at_5",
    "mean_interval",
    "nearest_neighbour",
    "novelty",
    "paired_bootstrap",
    "place_in_2016",
    "rank_of_truth",
    "ranked_lists",
    "read_answers",
    "read_quality",
    "read_truth",
    "reliability_curve",
    "top_k",
    "verification_auc",
]
