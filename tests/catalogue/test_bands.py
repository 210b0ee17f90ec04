"""Bands by hand: limits, which of two hold, and what comes into which."""

import numpy as np
import pytest

from whichwhale.catalogue import bands
from whichwhale.catalogue.calibration import Asked
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.manifest import BandLimits, Bands
from whichwhale.catalogue.trials import Trials


@pytest.mark.parametrize(
    ("top", "nobody", "found"),
    [(0.9, 0.05, "auto"), (0.8, 0.2, "auto"), (0.79, 0.1, "review"), (0.1, 0.7, "new"), (0.1, 0.69, "review")],
)
def test_bands_of_answers(top: float, nobody: float, found: str) -> None:
    assert bands.band(top, nobody, (0.8, 0.7)) == found
    assert bands.band(top, nobody, (None, None)) == "review"


def test_between_two_rates_the_stricter_limits_hold() -> None:
    rates = ((0.1, 0.7, 0.9), (0.2, 0.8, 0.6), (0.5, None, 0.5))
    fitted = Bands(
        errors=[0.05, 0.05], limits=[BandLimits(new_rate=rate, auto=auto, new=new, judged={}) for rate, auto, new in rates]
    )
    for rate, limits in (
        (0.0, (0.7, None)),  # more known animals than any that the limits of new were fitted for
        (0.1, (0.7, 0.9)),
        (0.15, (0.8, 0.9)),
        (0.2, (0.8, 0.6)),
        (0.3, (None, 0.6)),
        (0.9, (None, 0.5)),
    ):
        assert bands.at(fitted, rate) == limits, rate
    first = Bands(errors=[0.05, 0.05], limits=fitted.limits[:1])
    assert bands.at(first, 0.11) == (None, 0.9)  # and more strangers than auto's were


def test_fitted_bands_keep_the_errors_on_other_animals() -> None:
    """Probabilities of two animals, the rest and nobody that mean what they say: errors come out at what was asked for."""
    rng, count = np.random.default_rng(0), 8000
    stranger = np.arange(count) % 2 == 0
    # strangers lie about -1, known animals about 1; of these a fifth is taken for the other animal
    strength = rng.normal(np.where(stranger, -1, 1), 1)
    target = np.where(stranger, 3, np.where(rng.random(count) < 0.2, 1, 0))
    asked = Asked(
        np.zeros((count, 2)), *(np.ones(count, int) for _ in range(2)), np.zeros(count), np.ones(count), np.ones((count, 2))
    )
    trials = Trials(asked, target, stranger, np.ones(count), np.array([f"a{n // 8}" for n in range(count)]), stranger)

    def judge(rate: float) -> np.ndarray:
        odds = rate / (1 - rate) * np.exp(-2 * strength)  # Bayes: densities of the two normal distributions
        known = 1 / (1 + odds)
        return np.column_stack([0.8 * known, 0.2 * known, np.zeros(count), 1 - known])

    fitted = bands.fit(trials, judge, (0.25, 0.1))
    assert [one.new_rate for one in fitted.limits] == list(bands.RATES) and fitted.errors == [0.25, 0.1]
    for one in fitted.limits:
        if one.auto is not None and one.judged["auto"] > 0.1:
            assert one.judged["auto_wrong"] < 0.29, one.new_rate
            # at few strangers all names may be given, of which a fifth is wrong
            assert one.new_rate < 0.1 or one.judged["auto_wrong"] > 0.21, one.new_rate
        if one.new is not None and 0.1 < one.judged["new"] < 0.8:
            assert one.judged["new_wrong"] == pytest.approx(0.1, abs=0.04), one.new_rate
    share = {one.new_rate: one.judged["new"] for one in fitted.limits}
    assert share[0.02] < 0.05 < share[0.5] < share[0.9]
    assert "  30% |" in bands.text(fitted) and "bands for 25.0% wrong names in auto and 10.0%" in bands.text(fitted)
    # a fifth of the names is wrong whatever the strength, so that fewer errors leave hardly anything in auto
    assert all(one.judged["auto"] < 0.02 for one in bands.fit(trials, judge, (0.1, 0.1)).limits)


def test_errors_are_shares() -> None:
    with pytest.raises(CatalogueError, match="--errors: 1 of the band new is no share"):
        bands.check([0.1, 1.0])
