"""(photo, candidate) rows by hand."""

from dataclasses import replace

import numpy as np
import pytest

from whichwhale.blend.candidates import linear
from whichwhale.blend.cosines import Cosines
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.listing import LIST, candidates

WHALES = [f"whale_{n:02}" for n in range(20)]


def known() -> Evidence:
    """Photo 0: model a ranks whales 0, 1, 2, ... and b 19, 18, 17, ...; photo 1: b has no row. c is a copy of a."""
    down = np.linspace(9.5, -9.5, 20)
    z = np.stack([[down, down], [down[::-1] * 2, np.zeros(20)], [down, down]])
    return Evidence.of(["b", "a", "c"], WHALES, z[[1, 0, 2]], np.arange(1, 21) / 210, [0.1, np.nan])


def test_rows_and_features() -> None:
    found = candidates(known())
    assert list(found.scale) == ["a", "b"], "a copy is no member of its own"
    assert found.start.tolist() == [0, 20, 20 + LIST], "both lists together hold every whale; one alone its first"
    first = dict(zip(found.names, found.features[0], strict=True))  # whale 0 of photo 0: a's first, b's last
    assert first["a, logit"] == 9.5 and first["a, rank"] == 0 and first["a, lead"] == 1
    assert first["a, gap"] == 1 and first["b, gap"] == 0 and "a, cosine" not in first, "b's last has nobody below"
    assert first["b, logit"] == -19 and first["b, rank"] == np.log2(20) and first["b, lead"] == -38
    assert first["first"] == 0.5 and first["in lists"] == 0.5
    assert first["log prior"] == np.log(1 / 210) and first["uncertainty"] == 0.1
    other = dict(zip(found.names, found.features[21], strict=True))  # whale 1 of photo 1, b without a row
    assert other["a, lead"] == -1 and other["b, logit"] == 0 and other["b, lead"] == 0 and other["b, rank"] == np.log2(11)
    assert other["a, gap"] == 1 and other["b, gap"] == 0
    assert other["in lists"] == 1 and other["mean, rank"] == 1 and np.isnan(other["uncertainty"])


def test_photos_are_cut_out_whole() -> None:
    found = candidates(known())
    swapped, alone = found.of_photos(np.array([1, 0])), candidates(known().rows(np.array([1, 0])), found.scale)
    for name in ("photo", "whale", "start", "features"):
        np.testing.assert_array_equal(getattr(swapped, name), getattr(alone, name))


def test_candidates_share_what_they_had() -> None:
    found, rng = candidates(known()), np.random.default_rng(0)
    p = rng.dirichlet(np.ones(20), 2)
    score = rng.normal(size=len(found.photo)) * 30
    out = np.exp(found.spread(score, np.log(p)))
    np.testing.assert_allclose(out.sum(axis=1), 1)
    np.testing.assert_allclose(out[1, LIST:], p[1, LIST:])
    share = np.exp(score[20:] - score[20:].max())
    np.testing.assert_allclose(out[1, :LIST], p[1, :LIST].sum() * share / share.sum(), rtol=1e-9)
    unmoved = found.spread(np.log(p)[found.photo, found.whale], np.log(p))
    np.testing.assert_allclose(unmoved, np.log(p))


def test_cosines_of_those_whose_logits_are_some() -> None:
    """b's logits are cosines times 40, and its mean cosine of photo 0 is 0.25; whether any whale is near that alone tells."""
    level = np.array([[0.25, np.nan], [np.nan, np.nan], [np.nan, np.nan]])
    cosines = Cosines(np.array([40.0, np.nan, np.nan]), level)  # of b, a and c, the members' order
    z = known()
    found = candidates(replace(z, cosines=cosines))
    assert [name for name in found.names if name.endswith("cosine")] == ["b, cosine"]
    values = found.of(["b, cosine", "b, logit"])
    np.testing.assert_allclose(values[:20, 0], values[:20, 1] / 40 + 0.25)
    assert np.isnan(values[20:, 0]).all(), "b has no row of photo 1"
    assert linear(found.names) == [name for name in candidates(z).names if not name.endswith((", gap", "uncertainty"))]
    with pytest.raises(ValueError, match="asks for 'b, cosine', which is not known of these photos"):
        candidates(z).of(["a, logit", "b, cosine"])
    with pytest.raises(ValueError, match=r"cosines \(3, 2\) do not go with z \(1, 2, 20\)"):
        Evidence.of(["a"], WHALES, z.z[:1], cosines=cosines)
