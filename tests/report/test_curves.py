"""Learning curves, run folders as they are read, and the table of where all comes from."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from whichwhale.blend.config import EnsembleConfig
from whichwhale.passport.given import given_store
from whichwhale.passport.plane import PlaneView
from whichwhale.report.charts import held_out_score, learning_curves
from whichwhale.report.curves import curves, progress
from whichwhale.report.origin import duration, origin
from whichwhale.report.pictures import passport
from whichwhale.report.results import out_of_fold, results
from whichwhale.report.sources import Sources
from whichwhale.runs.fit import Fit


def a_fit(metrics: list[dict], kicks: list[dict], state: str = "fitted") -> Fit:
    return Fit("net", "fold0", Path("net/fold0"), {"state": state}, {"fit": {"epochs": 10, "kicks": kicks}}, {}, metrics)


def test_kicks_are_seen() -> None:
    metrics = [{"epoch": n + 1, "loss": 1.0, "lr": 0.1} for n in range(10)]
    kick = {"epoch": 6.0, "epochs": 1.0, "factor": 2.5}
    with_kick, without = learning_curves([a_fit(metrics, [kick])], "a"), learning_curves([a_fit(metrics, [])], "a")
    assert "kick ×2.5" in with_kick and "var(--warm)" in with_kick
    assert "kick" not in without and "var(--warm)" not in without
    from_plateau = a_fit([row | ({"kicked": True} if row["epoch"] == 7 else {}) for row in metrics], [])
    from_plateau.config["fit"]["plateau"] = {"most": 1, "patience": 3, "least": 0.01, "epochs": 1.0, "factor": 2.5}
    assert learning_curves([from_plateau], "a") == with_kick
    assert "held-out" not in without  # no score in the metrics, no panel


def test_the_score_that_is_shown() -> None:
    assert held_out_score([a_fit([{"epoch": 1, "loss": 1.0, "photos": 3, "error_50": 0.1}], [])]) == "error_50"
    assert held_out_score([a_fit([{"epoch": 1, "top1": 0.5, "log_loss": 1.0}], [])]) == "log_loss"
    assert held_out_score([a_fit([{"epoch": 1, "loss": 1.0, "loss_whale": 1.0, "lr": 0.1}], [])]) is None


def test_a_failed_fit_says_why() -> None:
    fit = a_fit([], [], "failed")
    fit.status["error"] = "Diverged: the loss is not finite"
    assert progress(fit) == "net, fold 0: failed: Diverged: the loss is not finite; 0 of 10 epochs are done."
    assert progress(a_fit([], [], "fitted")) == ""


def test_fits_are_in_the_members_order(sources: Sources) -> None:
    assert [f"{fit.model}/{fit.fold}" for fit in sources.fits] == [
        *(f"soft/fold{k}" for k in (0, 1, 2, "all")),
        *(f"arc/fold{k}" for k in (0, 1, 2, "all")),
        "localizer/fold0",
    ]
    page = curves(sources)
    assert page.count("<svg") == 3
    assert "×2.5 for 1 epoch after epoch 2" in page
    assert "localizer, fold 0: not finished; 1 of 4 epochs are done." in page


def test_a_member_from_elsewhere_has_no_fit_to_start(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(place / "runs" / "sea" / "soft", tmp_path / "sea" / "soft")
    (tmp_path / "sea" / "stranger" / "fold0").mkdir(parents=True)
    shutil.copy(place / "runs" / "sea" / "soft" / "fold0" / "predictions.npz", tmp_path / "sea" / "stranger" / "fold0")
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path))
    told = curves(Sources(EnsembleConfig(dataset="sea", members=["soft", "stranger", "nobody"])))
    assert "nobody: no fit has started." in told and "stranger" not in told


def test_where_it_comes_from(sources: Sources) -> None:
    page = origin(sources)
    row = re.search(r'<th scope="row">arc, fold 2</th>(.*?)</tr>', page)[1]
    cells = re.findall(r">([^<]*)</td>", row)
    assert cells == ["fitted", "0123456789", "1", "62", "30", "4 of 4", "4 min", "33.0", "1,503 MB"]  # conftest's metrics
    assert "torch" in page and "2.14.1" in page and "kicks:" in page


@pytest.mark.parametrize(("seconds", "told"), [(40, "40 s"), (720, "12 min"), (3780, "1 h 03 min"), (3599, "1 h 00 min")])
def test_duration(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_the_headline_is_the_cross_fitted_blend(sources: Sources) -> None:
    scores, remarks = out_of_fold(sources)
    assert len(scores) == 8 and remarks == []
    honest = next(one for one in scores if one["name"] == "blend" and one["weights"].startswith("cross"))
    page = results(sources)
    assert f"<b>{honest['top_1']:.1%}</b>" in page and f"<b>{honest['log_loss']:.3f}</b>" in page
    assert page.count('class="strong"') == 1
    assert "Scores on test photos" not in page  # no truth was told


def test_folds_that_are_missing_are_told(sources: Sources) -> None:
    for fit in sources.fits:
        fit.config["folds"] = {"count": 4}
    _, remarks = out_of_fold(sources)
    assert remarks[0] == "soft: 3 of 4 folds so far; the photos of the others are not scored yet."


def test_a_passport_has_its_true_proportions(tmp_path: Path) -> None:
    """A 2 d x d field squashed to a square is shown twice as wide as high."""
    import cv2

    picture = np.zeros((64, 64, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "w.png"), picture)
    photos = {"w.png#0": tmp_path / "w.png", "x.png#0": tmp_path / "missing.png"}
    store = given_store(tmp_path / "passports", photos, PlaneView(width=64, height=64, field=(2.0, 1.0)))
    assert 'width="260" height="130"' in passport(store, "w.png", "a head")
    assert passport(store, "x.png", "unreadable") is None and passport(store, "y.png", "unknown") is None
