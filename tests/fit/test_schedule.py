"""The learning rate: warm-up, cosine and kicks, by hand."""

import pytest

from whichwhale.fit.config import FitConfig, Kick
from whichwhale.fit.schedule import rate

PLAIN = FitConfig(epochs=12, warmup=2, final=0.1)


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (0, 0.0),
        (0.5, 0.25),
        (1, 0.5),
        (2, 1.0),  # the peak
        (4.5, 0.1 + 0.9 * (2 + 2**0.5) / 4),  # a quarter down: (1 + cos 45°) / 2
        (7, 0.55),  # half down
        (9.5, 0.1 + 0.9 * (2 - 2**0.5) / 4),
        (12, 0.1),
        (13, 0.1),
    ],
)
def test_warm_up_and_cosine(epoch: float, expected: float) -> None:
    assert rate(PLAIN, epoch) == pytest.approx(expected, abs=1e-12)


def test_no_warm_up_starts_at_the_peak() -> None:
    config = FitConfig(epochs=4, warmup=0, final=0)
    assert [rate(config, epoch) for epoch in (0, 2, 4)] == pytest.approx([1, 0.5, 0], abs=1e-12)


def test_a_warm_up_as_long_as_the_fit() -> None:
    config = FitConfig(epochs=2, warmup=2, final=0.5)
    assert [rate(config, epoch) for epoch in (0, 1, 2)] == pytest.approx([0, 0.5, 1], abs=1e-12)


def test_kicks_multiply_for_a_while() -> None:
    config = PLAIN.model_copy(update={"kicks": [Kick(epoch=7, epochs=2, factor=3), Kick(epoch=8, epochs=2.5, factor=2)]})
    for epoch, factor in [(6.999, 1), (7, 3), (7.5, 3), (8, 6), (8.999, 6), (9, 2), (10.4, 2), (10.5, 1), (12, 1)]:
        assert rate(config, epoch) == pytest.approx(factor * rate(PLAIN, epoch), rel=1e-12)
