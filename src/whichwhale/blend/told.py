"""What a fitted recipe came to, in words: its weights, powers and exponents, for whoever asks what was fitted."""

from __future__ import annotations

from collections.abc import Iterable

from whichwhale.blend.arithmetic import Mixture, Winners
from whichwhale.blend.calibrations import Floor, Power, Prior, Vector
from whichwhale.blend.isotonic import Isotonic
from whichwhale.blend.log_linear import LogLinear
from whichwhale.blend.recipes import Calibration, Fitted, Pool
from whichwhale.blend.stacks import LogitStack, TreeStack

MOST = 8  # coefficients or features named, the weightiest first


def told(fitted: Fitted) -> list[str]:
    """A line for the pool and one for each step after it."""
    return [_pool(fitted.pool), *(_step(step) for step in fitted.steps)]


def _pool(pool: Pool) -> str:
    match pool:
        case Winners():
            return "the 2016 winners' constants; nothing is fitted"
        case LogLinear():
            return f"log-linear pool, weights of the logits: {_list(zip(pool.members, pool.weights, strict=True))}"
        case Mixture():
            each = zip(pool.members, pool.weights, pool.powers, strict=True)
            return f"mean of probabilities, weight and power: {', '.join(f'{name} {a:.3f} ^{t:.3f}' for name, a, t in each)}"
        case LogitStack():
            named = sorted(zip(pool.names, pool.coefficients, strict=True), key=lambda one: -abs(one[1]))
            return f"logistic regression on the pool's candidates, coefficient a standard deviation: {_list(named[:MOST])}"
        case TreeStack():
            return f"boosted trees on the pool's candidates, share of the gain: {_list(_gains(pool)[:MOST])}"


def _step(step: Calibration) -> str:
    match step:
        case Power():
            return f"power {step.power:.3f}"
        case Prior():
            return f"power {step.power:.3f}, times the class prior to the power {step.exponent:+.3f}"
        case Floor():
            return f"floor: {step.share:.2%} of the probability is shared by all whales alike"
        case Vector():
            ends = (min(step.scale), max(step.scale), min(step.shift), max(step.shift))
            return "vector scaling: scales {:.3f} to {:.3f}, shifts {:+.3f} to {:+.3f}".format(*ends)
        case Isotonic():
            return f"isotonic regression of {len(step.corners)} whales, each against all others"


def _gains(pool: TreeStack) -> list[tuple[str, float]]:
    """Share of the boosted loss that splits on each feature took off, the greatest first."""
    if not pool.text:
        return []
    import lightgbm  # slow to import

    gain = lightgbm.Booster(model_str=pool.text).feature_importance("gain")
    shares = gain / max(gain.sum(), 1e-12)
    return sorted(zip(pool.names, shares.tolist(), strict=True), key=lambda one: -one[1])


def _list(named: Iterable[tuple[str, float]]) -> str:
    return "; ".join(f"{name} {value:.3f}" for name, value in named) or "none"
