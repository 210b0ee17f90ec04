"""Does NAME_sd predict the error? Rank correlation, and what is left if the least sure photos are set aside.

Of contract-1 tables alone, so anybody's uncertainty can be looked at.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr

from whichwhale.localize.truth import points_of

COVERAGES = (1.0, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5)


def doubt(table: pd.DataFrame, names: list[str]) -> NDArray[np.float64]:
    """Of each row: root mean square of its points' NAME_sd over the distance of the first two, in d; infinite where nothing was
    found or an sd is unknown."""
    sd = table[[f"{name}_sd" for name in names]].to_numpy(np.float64)
    points = points_of(table, names)
    d = np.maximum(np.hypot(*(points[:, 0] - points[:, 1]).T), 1e-9)
    found = np.sqrt(np.mean(np.square(sd), 1)) / d
    return np.where(np.isnan(found), np.inf, found)


def rank_correlation(sd: ArrayLike, error: ArrayLike) -> float:
    """Spearman's, of photos; NaN if all are alike. A photo in which nothing was found is the least sure and the worst."""
    sd, error = np.asarray(sd, np.float64), np.asarray(error, np.float64)
    if len(sd) < 2 or (sd == sd[0]).all() or (error == error[0]).all():
        return float("nan")
    return float(spearmanr(sd, error).statistic)


def risk_coverage(sd: ArrayLike, error: ArrayLike, coverages: tuple[float, ...] = COVERAGES) -> pd.DataFrame:
    """What the errors are among the surest share of the photos (El-Yaniv & Wiener 2010).

    Returns:
        DataFrame [coverage, mean_error, p95, at_best]: mean and 95th percentile of the error (in d) of the surest photos, and the
        mean that an uncertainty would leave that knew the errors.
    """
    sd, error = np.asarray(sd, np.float64), np.asarray(error, np.float64)
    by_doubt, by_error = error[np.argsort(sd, kind="stable")], np.sort(error)
    rows = []
    for coverage in coverages if len(error) else ():
        kept = max(1, round(coverage * len(error)))
        least, best = by_doubt[:kept], by_error[:kept]
        rows.append((coverage, least.mean(), np.percentile(least, 95), best.mean()))
    return pd.DataFrame(rows, columns=["coverage", "mean_error", "p95", "at_best"])


def area(sd: ArrayLike, error: ArrayLike) -> float:
    """Area under the curve of mean error by coverage (AURC), in d: the mean over all coverages 1/N, 2/N, …, 1."""
    error = np.asarray(error, np.float64)[np.argsort(np.asarray(sd, np.float64), kind="stable")]
    return float(np.mean(np.cumsum(error) / np.arange(1, len(error) + 1)))


def as_text(curve: pd.DataFrame) -> str:
    """The curve as lines, in percent."""
    lines = ["surest photos  mean error  95th  at best (% of d)"]
    for row in curve.itertuples():
        lines.append(f"{row.coverage:12.0%}   {100 * row.mean_error:9.2f}  {100 * row.p95:5.2f}  {100 * row.at_best:7.2f}")
    return "\n".join(lines)
