"""What was fitted, in words."""

import pytest

from tests.blend.made_up import evidence
from whichwhale.blend.arithmetic import Mixture
from whichwhale.blend.calibrations import Floor, Power, Prior, Vector
from whichwhale.blend.isotonic import Isotonic
from whichwhale.blend.log_linear import LogLinear
from whichwhale.blend.recipes import Fitted, fit
from whichwhale.blend.told import told


def test_every_number_that_there_is() -> None:
    pool = LogLinear(["a", "b"], [0.5, 0.25])
    vector, lines = Vector(["x", "y"], [0.9, 1.1], [-0.25, 0.125]), Isotonic({"x": ([], [])})
    found = Fitted("", [], [], 1e-6, pool, [Power(1.5), Prior(1.046, -0.784), Floor(0.021), vector, lines])
    assert told(found) == [
        "log-linear pool, weights of the logits: a 0.500; b 0.250",
        "power 1.500",
        "power 1.046, times the class prior to the power -0.784",
        "floor: 2.10% of the probability is shared by all whales alike",
        "vector scaling: scales 0.900 to 1.100, shifts -0.250 to +0.125",
        "isotonic regression of 1 whales, each against all others",
    ]
    mixture = Fitted("", [], [], 1e-6, Mixture(["a", "b"], [1.2, 0.8], [0.7, 0.3]), [])
    assert told(mixture) == ["mean of probabilities, weight and power: a 0.700 ^1.200, b 0.300 ^0.800"]


@pytest.mark.parametrize("name", ["winners", "logit", "trees"])
def test_stacks_name_what_weighs_most(name: str) -> None:
    known, truth, _ = evidence(3, photos=200)
    found = fit(name, known, truth)
    (line,) = told(found)
    if name == "winners":
        assert line == "the 2016 winners' constants; nothing is fitted"
        return
    named = line.split(": ")[1].split("; ")
    assert len(named) == 8
    values = [abs(float(one.rsplit(" ", 1)[1])) for one in named]
    assert values == sorted(values, reverse=True) and values[0] > 0
    if name == "logit":
        at = max(range(len(found.pool.names)), key=lambda n: abs(found.pool.coefficients[n]))
        assert named[0] == f"{found.pool.names[at]} {found.pool.coefficients[at]:.3f}"
