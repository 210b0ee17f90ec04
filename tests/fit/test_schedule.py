"""The learning rate: warm-up, cosine and kicks, by hand."""

import pytest

from whichwhale.fit.config import FitConfig, Kick, PlateauKicks
from whichwhale.fit.schedule import Standstill, kicks, rate

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


def kicked_by(losses: list[float], plateau: PlateauKicks) -> tuple[int, ...]:
    state = Standstill()
    for epoch, loss in enumerate(losses):
        state = state.after(epoch, loss, plateau)
    return state.kicked


def test_a_plateau_kicks_after_so_many_epochs_without_gain() -> None:
    plateau = PlateauKicks(most=2, patience=2, least=0.1, epochs=1)
    assert kicked_by([4, 3, 2, 1.5, 1.2], plateau) == ()
    # 0.95 and 0.91 are no tenth below 1; epoch 3 begins with a kick
    assert kicked_by([1, 0.95, 0.91], plateau) == (3,)
    # the best loss does not creep: 0.95 then 0.89 is better than 0.9 x 1
    assert kicked_by([1, 0.95, 0.89, 0.88], plateau) == ()
    # the kick lasts epoch 3, whose loss does not count; epochs 4 and 5 stand still: the second kick, and no third
    assert kicked_by([1, 1, 1, 2, 1], plateau) == (3,)
    assert kicked_by([1, 1, 1, 2, 1, 1], plateau) == (3, 6)
    assert kicked_by([1] * 20, plateau) == (3, 6)
    assert kicked_by([1] * 20, PlateauKicks()) == ()  # off unless asked for


def test_a_plateaus_kicks_multiply_like_the_configs() -> None:
    config = PLAIN.model_copy(update={"kicks": [Kick(epoch=7, epochs=2, factor=3)], "plateau": PlateauKicks(most=1, factor=2)})
    assert kicks(config) == config.kicks
    for epoch, factor in [(7.9, 3), (8, 6), (8.9, 6), (9, 1)]:
        assert rate(config, epoch, (8,)) == pytest.approx(factor * rate(PLAIN, epoch), rel=1e-12)
        assert rate(config, epoch) == pytest.approx((3 if epoch < 9 else 1) * rate(PLAIN, epoch), rel=1e-12)
