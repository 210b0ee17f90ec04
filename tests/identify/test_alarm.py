"""The collapse alarm fires on a network that says the same of every photo, and not on one that learns."""

import math

import pytest
import torch
from torch import nn

from whichwhale.identify.alarm import CollapseAlarm, Collapsed
from whichwhale.identify.config import AlarmConfig, IdentifyConfig
from whichwhale.identify.heads import Pulse
from whichwhale.identify.net import Identifier, IdentifyObjective

PK = {"sampler": {"kind": "pk", "whales": 6, "photos": 4}, "fit": {"batch_size": 24}}
EMBEDDINGS = {
    "arcface": {"head": {"kind": "arcface", "dims": 8, "scale": 10.0, "margin": 0.2}},
    "subcentre": {"head": {"kind": "subcentre", "dims": 8, "scale": 10.0, "dynamic_margin": {"a": 0.2}}},
    "hard": {"head": {"kind": "triplet", "dims": 8, "margin_steps": 5}, **PK},
    "semihard": {"head": {"kind": "triplet", "dims": 8, "mining": "semihard"}, **PK},
    "soft": {"head": {"kind": "triplet", "dims": 8, "soft_margin": True}, **PK},
    "neck": {"head": {"kind": "triplet", "dims": 8, "bn_neck": True}, **PK},
    "siamese": {"head": {"kind": "siamese", "dims": 8, "margin": 1.0}, **PK},
}
EMBEDDINGS |= {f"{name}-twins": EMBEDDINGS[name] | {"mirrored": "twin"} for name in ("arcface", "hard", "siamese")}
QUICK = AlarmConfig(patience=40, every=5)
WHALES, SIZE = 6, 12  # features


class Features(nn.Module):
    """In the place of a backbone: what the batch holds as `image` is features already, seen through a trained layer."""

    def __init__(self, seeing: bool) -> None:
        super().__init__()
        self.layer, self.seeing = nn.Linear(SIZE, SIZE), seeing

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images if self.seeing else torch.ones_like(images))


def objective(name: str, seeing: bool, alarm: AlarmConfig = QUICK, counts: list[int] | None = None) -> IdentifyObjective:
    torch.manual_seed(0)
    kind = EMBEDDINGS.get(name, {})
    config = IdentifyConfig.model_validate({"backbone": {"name": "test_resnet", "weights": False}, **kind})
    net = Identifier(config, WHALES, 0)
    # The heads were made for the backbone's number of features.
    net.head = type(net.head)(SIZE, WHALES * (1 + net.twins), config.head)
    net.backbone = Features(seeing)
    net.know(torch.tensor(counts or [4] * WHALES))
    return IdentifyObjective(net, 0.0, CollapseAlarm(alarm, net.head, warmup=10, name="trial"))


def train(objective: IdentifyObjective, steps: int, target: torch.Tensor | None = None) -> list[dict[str, float]]:
    draw, flips = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    target = torch.arange(WHALES).repeat_interleave(4) if target is None else target
    looks = torch.randn(WHALES, SIZE, generator=draw)
    looks = torch.cat([looks, torch.randn(WHALES, SIZE, generator=flips)])  # a mirror image looks otherwise
    optimizer = torch.optim.AdamW([p for p in objective.parameters() if p.requires_grad], lr=1e-2)
    objective.train()
    told = []
    for _ in range(steps):
        mirrored = (torch.rand(len(target), generator=flips) < 0.5) & objective.net.twins
        image = looks[target + WHALES * mirrored] + 0.5 * torch.randn(len(target), SIZE, generator=draw)
        losses = objective({"image": image, "whale": target, "mirrored": mirrored})
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        told.append({key: value.item() for key, value in losses.items()})
    return told


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_it_fires_on_a_constant_network(name: str) -> None:
    with pytest.raises(Collapsed, match=r"trial: the embedding has collapsed: for 4\d steps .*To mend it: lower fit.lr"):
        train(objective(name, seeing=False), 140)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_it_does_not_fire_on_a_network_that_learns(name: str) -> None:
    healthy = objective(name, seeing=True)
    told = train(healthy, 200)
    assert told[-1]["whale"] < told[0]["whale"]
    excess, spread = healthy.alarm.means.tolist()
    assert excess < -0.3 and spread > 0.5
    assert healthy.alarm.steps == 200 and (healthy.alarm.since == -1).all()


def test_a_softmax_has_no_alarm() -> None:
    """It starts where a constant network is, and may stay there for long."""
    blind = objective("softmax", seeing=False, alarm=AlarmConfig(patience=1, every=1))
    train(blind, 70)
    assert blind.alarm.steps == 70 and not blind.alarm.seen.any()


def test_a_constant_network_that_has_learnt_who_is_seen_often_is_found_too() -> None:
    """Its loss is under ln(classes): it is the entropy of the whales."""
    counts = [13, 5, 3, 1, 1, 1]
    blind = objective("arcface", seeing=False, alarm=AlarmConfig(patience=10_000), counts=counts)
    target = torch.repeat_interleave(torch.arange(WHALES), torch.tensor(counts))
    train(blind, 300, target)
    entropy = -sum(n / 24 * math.log(n / 24) for n in counts)
    assert blind.net.head.entropy == pytest.approx(entropy) and entropy < 0.85 * math.log(WHALES)
    assert -0.01 <= blind.alarm.means[0] < 0.15
    with pytest.raises(Collapsed, match="not fallen below that of a network that says the same of every photo"):
        by_loss = AlarmConfig(patience=40, every=5, spread=1e-12)
        train(objective("arcface", seeing=False, alarm=by_loss, counts=counts), 400, target)


def test_what_a_constant_network_has_by_hand() -> None:
    for name, expected in [("hard", 0.3), ("soft", math.log(2)), ("siamese", 1.0)]:
        blind = objective(name, seeing=False)
        blind.net.head.dropout.p = 0.0
        assert train(blind, 8)[-1]["whale"] == pytest.approx(expected, rel=2e-3)
        assert blind.alarm.means[0].item() == pytest.approx(0, abs=2e-3) and blind.alarm.means[1].item() < 1e-6


def pulse(excess: float | None, spread: float | None) -> Pulse:
    return Pulse(*(None if value is None else torch.tensor(value) for value in (excess, spread)))


def watch(alarm: CollapseAlarm, pulses: list[Pulse | None]) -> None:
    for one in pulses:
        alarm.check()
        alarm.watch(one)


def alarm_of(name: str = "hard", **changes: object) -> CollapseAlarm:
    return CollapseAlarm(AlarmConfig.model_validate({"patience": 10, "every": 1} | changes), objective(name, True).net.head)


def test_embeddings_that_shrink_are_found_by_what_they_once_were() -> None:
    alarm = alarm_of()
    with pytest.raises(Collapsed, match=r"lain in one point \(variance of unit vectors 4.*e-03, under 5.*e-03"):
        watch(alarm, [pulse(-0.5, 0.5)] * 20 + [pulse(-0.5, 0.004)] * 600)
    watch(alarm_of(), [pulse(-0.5, 0.004)] * 600)  # never wider: a network that starts from little


def test_a_loss_that_passes_by_or_comes_back_does_not_count() -> None:
    passing = [pulse(0.5 - n / 100, 0.5) for n in range(100)]
    watch(alarm_of(), passing)
    watch(alarm_of(), [pulse(value, 0.5) for value in [0.0] * 9 + [0.5] * 5 + [0.0] * 9])
    watch(alarm_of(), [pulse(0.3, 0.5)] * 50)  # hardest triplets on the wrong side of the margin: not learnt, but not one point
    with pytest.raises(Collapsed, match="now 30.0 % above"):
        watch(alarm_of("arcface"), [pulse(0.3, None)] * 50)


def test_a_cross_entropy_that_begins_above_and_falls_is_no_collapse() -> None:
    falling = [pulse(0.13 - n / 1000, 0.5) for n in range(200)]  # by 1 % of the constant one's in 10 to 20 steps
    watch(alarm_of("arcface", patience=40), falling)
    still = [pulse(0.13, 0.5)] * 60
    with pytest.raises(Collapsed, match=r"for 40 steps the loss has not fallen below .* \(now 13.0 % above it\)"):
        watch(alarm_of("arcface", patience=40), still)


def test_steps_that_say_nothing_and_the_warm_up_do_not_count() -> None:
    watch(alarm_of(), [None] * 50)
    watch(alarm_of(), [pulse(None, 0.5)] * 50)
    alarm = CollapseAlarm(AlarmConfig(patience=10, every=1), objective("hard", True).net.head, warmup=30)
    watch(alarm, [pulse(0.0, 0.5)] * 41)
    with pytest.raises(Collapsed):
        watch(alarm, [pulse(0.0, 0.5)] * 2)


def test_a_resumed_alarm_stops_in_the_same_step() -> None:
    pulses = [pulse(0.01 * (n % 3 - 1), 0.5 / (1 + n)) for n in range(100)]

    def stops_at(*breaks: int) -> int:
        alarm = alarm_of(every=3, patience=20)
        for step, one in enumerate(pulses):
            if step in breaks:
                state, alarm = alarm.state_dict(), alarm_of(every=3, patience=20)
                alarm.load_state_dict(state)
            try:
                watch(alarm, [one])
            except Collapsed:
                return step
        return -1

    assert stops_at() > 20 and stops_at() == stops_at(7) == stops_at(5, 6, 19)


def test_a_checkpoint_without_an_alarm_starts_it_anew() -> None:
    there = objective("arcface", True)
    train(there, 3)
    state = {key: value for key, value in there.state_dict().items() if not key.startswith("alarm.")}
    there.load_state_dict(state)
    assert there.alarm.steps == 3
    fresh = objective("arcface", True)
    fresh.load_state_dict(state)
    assert fresh.alarm.steps == 0


def test_in_evaluation_nothing_is_watched() -> None:
    still = objective("hard", True).eval()
    still({"image": torch.randn(4, SIZE), "whale": torch.tensor([0, 0, 1, 1])})
    assert still.alarm.steps == 0


@pytest.mark.parametrize("patience", [1, 39, 40, 43])
def test_a_fit_in_which_it_could_not_sound_is_told(patience: int) -> None:
    """The shortest fit of a constant network that is stopped is the shortest that nothing is told of."""
    alarm = AlarmConfig(patience=patience, every=5)
    told = objective("hard", seeing=False, alarm=alarm).alarm.too_short
    steps = next(steps for steps in range(1, 200) if not told(steps))
    assert f"{steps - 1} steps where it takes {steps} to sound" in told(steps - 1)
    train(objective("hard", seeing=False, alarm=alarm), steps - 1)
    with pytest.raises(Collapsed):
        train(objective("hard", seeing=False, alarm=alarm), steps)
    assert not objective("softmax", seeing=True).alarm.too_short(1)  # it has none
