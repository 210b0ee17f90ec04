"""Ways to blend by name: a pool and what follows it, `log_linear`, `mixture+power`, `log_linear+prior`, `trees`.

    fitted = fit("mixture+power", evidence, truth)
    p = fitted.probabilities(evidence)
    again = Fitted.of_plain(json.loads(json.dumps(fitted.plain())))

Pools: winners (the 2016 constants), equal and log_linear (blend/log_linear.py), arithmetic and mixture (blend/arithmetic.py),
logit and trees (blend/stacks.py). What may follow: power, prior, floor, vector and with another hold vector_tight
and vector_loose (blend/calibrations.py), isotonic
(blend/isotonic.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from whichwhale.blend.arithmetic import Mixture, Winners
from whichwhale.blend.calibrations import Floor, Power, Prior, Vector, VectorLoose, VectorTight
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.isotonic import Isotonic
from whichwhale.blend.log_linear import LogLinear
from whichwhale.blend.memo import Memo
from whichwhale.blend.pool import LEAST_FLOOR, PoolError, mix_floor
from whichwhale.blend.stacks import LogitStack, TreeStack

Pool = Winners | LogLinear | Mixture | LogitStack | TreeStack
Calibration = Power | Prior | Floor | Vector | Isotonic
POOLS: dict[str, Callable[..., Pool]] = {
    "winners": Winners.fit,
    "equal": LogLinear.fit_equal,
    "log_linear": LogLinear.fit,
    "arithmetic": Mixture.fit_equal,
    "mixture": Mixture.fit,
    "logit": LogitStack.fit,
    "trees": TreeStack.fit,
}
STACKS = ("logit", "trees")
CALIBRATIONS: dict[str, type[Calibration]] = {
    "power": Power,
    "prior": Prior,
    "floor": Floor,
    "vector_tight": VectorTight,
    "vector": Vector,
    "vector_loose": VectorLoose,
    "isotonic": Isotonic,
}
_KINDS = {one.__name__: one for one in (Winners, LogLinear, Mixture, LogitStack, TreeStack, *CALIBRATIONS.values())}
DEFAULT = "log_linear"
AUTO = "auto"
# What `auto` chooses among, simplest first; blend/nested.py goes up this ladder.
LADDER = (
    "equal",
    "log_linear",
    "arithmetic+power",
    "mixture+power",
    "log_linear+prior",
    "log_linear+floor",
    "log_linear+prior+floor",
    "log_linear+vector_tight",
    "log_linear+vector",
    "log_linear+vector_loose",
    "logit",
    "trees",
)


def parse(name: str) -> tuple[str, list[str]]:
    """'log_linear+prior+floor' -> ('log_linear', ['prior', 'floor']). Raises ValueError that says what there is."""
    pool, *after = name.split("+")
    if pool not in POOLS:
        raise ValueError(f"{name!r}: there is no pool {pool!r}; there are {', '.join(POOLS)}, and {AUTO}")
    if unknown := [one for one in after if one not in CALIBRATIONS]:
        raise ValueError(f"{name!r}: nothing called {unknown[0]!r} follows a pool; there are {', '.join(CALIBRATIONS)}")
    if len(set(after)) < len(after):
        raise ValueError(f"{name!r}: a step is named twice")
    if after and pool in STACKS:
        raise ValueError(
            f"{name!r}: what {pool} says of the rows that it was fitted on is too sure to fit {after[0]} on; leave it out"
        )
    if after and pool == "winners":
        raise ValueError(f"{name!r}: winners has nothing fitted, power and prior included; take arithmetic+{after[0]}")
    return pool, after


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted recipe: plain numbers, by names of members and whales.

    class_id, prior   whales, and the share of each among the labelled photos, smoothed, for photos that come later
    floor             least probability of any whale
    """

    name: str
    class_id: list[str]
    prior: list[float]
    floor: float
    pool: Pool
    steps: list[Calibration]

    def log_p(self, evidence: Evidence) -> NDArray[np.floating]:
        """[N, C], without the floor."""
        if not evidence.z.shape[1]:
            return evidence.z[0]
        log_p = self.pool.log_p(evidence)
        for step in self.steps:
            log_p = step.apply(log_p, evidence)
        return log_p

    def probabilities(self, evidence: Evidence, power: float = 1.0) -> NDArray[np.float64]:
        """p [N, C] in the evidence's columns, rows sum to 1; `power` is a further one, for rows that are means over fits."""
        return mix_floor(softmax(power * self.log_p(evidence).astype(np.float64), axis=1), self.floor)

    def prior_of(self, class_id: list[str]) -> NDArray[np.float64]:
        """The kept prior of these whales [C]. Raises PoolError if one is unknown."""
        shares = dict(zip(self.class_id, self.prior, strict=True))
        if unknown := [whale for whale in class_id if whale not in shares]:
            raise PoolError(f"the blend does not know {unknown[0]}; run ensemble.py again")
        return np.array([shares[whale] for whale in class_id])

    def plain(self) -> dict[str, Any]:
        """JSON's types alone."""
        kept = {"name": self.name, "class_id": self.class_id, "prior": self.prior, "floor": self.floor}
        return kept | {"pool": _plain(self.pool), "steps": [_plain(step) for step in self.steps]}

    @classmethod
    def of_plain(cls, values: dict[str, Any]) -> Fitted:
        """Raises PoolError if it is none."""
        try:
            pool, steps = _of_plain(values["pool"]), [_of_plain(step) for step in values["steps"]]
            found = cls(values["name"], values["class_id"], values["prior"], float(values["floor"]), pool, steps)
            parse(found.name)
            return found
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"not a fitted blend that this code knows ({error}); run ensemble.py again") from error


def fit(
    name: str,
    evidence: Evidence,
    truth: NDArray[np.int64],
    l2: float = 1e-3,
    floor: float = LEAST_FLOOR,
    prior: NDArray[np.floating] | None = None,
    memo: Memo | None = None,
) -> Fitted:
    """Fit a recipe on out-of-fold rows.

    Args:
        evidence: of N photos; truth: their true columns [N]; l2: pull toward equal weights, nats.
        prior: kept for photos that come later [C]; the mean of the evidence's if there is none.
        memo: of other fits on the same rows; `Memo.for_other_rows` says how to go on to others.

    Raises:
        ValueError: an unknown recipe, no rows. PoolError: z that is not finite, or truth that is no column.
    """
    pool, after = parse(name)
    truth = np.asarray(truth, np.int64)
    if not np.isfinite(evidence.z).all() or truth.min(initial=0) < 0 or truth.max(initial=0) >= len(evidence.class_id):
        raise PoolError("z must be finite and truth a column of it")
    memo = memo or Memo()
    if pool not in memo.fitted:
        memo.fitted[pool] = POOLS[pool](evidence, truth, l2, memo)
    found = memo.fitted[pool]
    log_p, steps = found.log_p(evidence) if after else None, []
    for one in after:
        step = CALIBRATIONS[one].fit(log_p, evidence, truth, memo)
        log_p = step.apply(log_p, evidence)
        steps.append(step)
    shares = evidence.prior.mean(axis=0) if prior is None else np.asarray(prior)
    return Fitted(name, list(evidence.class_id), shares.tolist(), floor, found, steps)


def _plain(part: Pool | Calibration) -> dict[str, Any]:
    values = asdict(part)
    if isinstance(part, LogitStack | TreeStack):
        values["base"] = _plain(part.base)
    return {"kind": type(part).__name__} | values


def _of_plain(values: dict[str, Any]) -> Any:
    fields = {key: value for key, value in values.items() if key != "kind"}
    if "base" in fields:
        fields["base"] = _of_plain(fields["base"])
    return _KINDS[values["kind"]](**fields)
