"""The loop: what it decays, how fast fresh parameters learn, and that it stops at a loss that is no number."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from timm.layers import BatchNormAct2d
from torch import nn

from whichwhale.fit.batches import Items, Shuffled
from whichwhale.fit.checkpoint import Checkpoints, Progress
from whichwhale.fit.config import FitConfig
from whichwhale.fit.loop import Diverged, Objective, fit
from whichwhale.fit.processes import shared_norms

ITEMS = Items(4, lambda number: {"x": np.float32(number)}, threads=1)


def config(**changes) -> FitConfig:
    return FitConfig(**({"epochs": 1, "batch_size": 4, "warmup": 0, "precision": "no", "lr": 0.1} | changes))


class Still(Objective):
    """A loss without slope: parameters change by weight decay alone."""

    def __init__(self, loss: float = 0.0) -> None:
        super().__init__()
        self.old, self.fresh = nn.Linear(2, 2), nn.Linear(2, 2)
        self.power = nn.Parameter(torch.ones(()))
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)
        self.loss = loss
        for parameter in self.parameters():
            nn.init.ones_(parameter)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        slope = sum(parameter.sum() for parameter in self.parameters()) * 0.0
        return {"still": slope + self.loss, "more": 0.5 * batch["x"].mean()}

    def fresh_parameters(self) -> list[nn.Parameter]:
        return list(self.fresh.parameters())


def test_matrices_decay_and_fresh_ones_learn_at_their_own_rate(tmp_path: Path) -> None:
    objective = Still()
    fit(objective, ITEMS, Shuffled(4, 4, 0), config(weight_decay=0.5, head_lr=2.0), folder=tmp_path, seed=0)
    ones = torch.ones(2, 2)
    torch.testing.assert_close(objective.old.weight.data, 0.95 * ones)  # 1 - lr x decay
    torch.testing.assert_close(objective.fresh.weight.data, 0.90 * ones)  # 1 - 2 lr x decay
    for untouched in (objective.old.bias, objective.fresh.bias, objective.power, objective.frozen):
        assert torch.equal(untouched.data, torch.ones_like(untouched))
    assert not objective.training


def test_the_moving_average_of_the_weights_is_what_is_validated_and_kept(tmp_path: Path) -> None:
    seen = []

    def validate(objective: Still) -> dict[str, float]:
        assert not objective.training
        seen.append(objective.old.weight[0, 0].item())
        return {}

    objective, steady = Still(), config(weight_decay=0.5, final=1.0, ema=0.5, batch_size=1, epochs=2, validate_every=1)
    fit(objective, ITEMS, Shuffled(4, 1, 0), steady, folder=tmp_path, seed=0, validate=validate)
    w, average = 1.0, 0.0
    for step in range(8):
        w *= 0.95  # 1 - lr x decay
        # the library's warm-up: the first two are copies
        keep = min(0.5, 1 - step ** (-2 / 3)) if step > 1 else 0.0
        average = keep * average + (1 - keep) * w
        if step == 3:
            assert seen[0] == pytest.approx(average, rel=1e-6)
    assert seen[1] == pytest.approx(average, rel=1e-6)
    torch.testing.assert_close(objective.old.weight.data, torch.full((2, 2), average))
    assert abs(average - w) > 0.01


def test_a_loss_that_stands_still_kicks_the_rate(tmp_path: Path) -> None:
    plateau = {"most": 1, "patience": 2, "least": 0.1, "factor": 4.0}
    fit(Still(1.0), ITEMS, Shuffled(4, 4, 0), config(epochs=5, final=1.0, plateau=plateau), folder=tmp_path, seed=0)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["lr"] for row in rows] == pytest.approx([0.1, 0.1, 0.1, 0.4, 0.1])
    assert [row["epoch"] for row in rows if "kicked" in row] == [4]


def test_a_loss_that_rises_by_design_does_not_stand_still(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    class Growing(Still):
        def settled(self, step: int) -> bool:
            return step >= 2  # one step an epoch: from the third epoch on

    plateau = {"most": 2, "patience": 1, "least": 0.1, "factor": 4.0}
    steady = config(epochs=5, final=1.0, plateau=plateau)
    fit(Growing(1.0), ITEMS, Shuffled(4, 4, 0), steady, folder=tmp_path, seed=0)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows if "kicked" in row] == [5]
    told = "".join(capsys.readouterr())
    assert told.count("a kick of the learning rate in epoch 5") == 1 and "in epoch 6" not in told


def test_losses_are_summed_and_their_means_written(tmp_path: Path) -> None:
    reports = []
    fit(Still(2.0), ITEMS, Shuffled(4, 2, 0), config(batch_size=2, epochs=2), folder=tmp_path, seed=0, report=reports.append)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["loss_still"] for row in rows] == [2.0, 2.0]
    assert [row["loss_more"] for row in rows] == [0.75, 0.75]  # half the mean of 0, 1, 2, 3
    assert [row["loss"] for row in rows] == [2.75, 2.75]
    assert rows[0]["lr"] > rows[1]["lr"] > 0


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_fit(tmp_path: Path, loss: float) -> None:
    fast = config(epochs=3, batch_size=2, checkpoint_minutes=0)
    with pytest.raises(Diverged, match=r"w: the loss is not finite in epoch 1; lower fit.lr or set fit.precision=no"):
        fit(Still(loss), ITEMS, Shuffled(4, 2, 0), fast, folder=tmp_path, seed=0, name="w")
    assert not list(tmp_path.rglob("epoch*"))  # no checkpoint from which the same would come again
    assert not (tmp_path / "metrics.jsonl").exists()


def test_epochs_and_validations_are_announced_in_order(tmp_path: Path) -> None:
    calls: list = []

    def validate(objective: nn.Module) -> dict[str, float]:
        calls.append(("validate", objective.training))
        return {"score": 1.0}

    fit(
        Still(), ITEMS, Shuffled(4, 4, 0), config(epochs=5, validate_every=2), folder=tmp_path, seed=0, validate=validate,
        set_epoch=calls.append,
    )  # fmt: skip
    rated = ("validate", False)
    assert calls == [0, 1, rated, 2, 3, rated, 4, rated]


def test_a_finished_fit_asked_for_again_changes_nothing(tmp_path: Path) -> None:
    first, again = Still(), Still()
    for objective in (first, again):
        fit(objective, ITEMS, Shuffled(4, 4, 0), config(weight_decay=0.5), folder=tmp_path, seed=0)
    assert torch.equal(first.old.weight, again.old.weight)
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.jsonl", "checkpoints"}


def test_a_half_written_checkpoint_is_ignored_and_then_removed(tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True)
    net = accelerator.prepare(nn.Linear(2, 2))
    progress = Progress()
    accelerator.register_for_checkpointing(progress)
    checkpoints = Checkpoints(tmp_path, accelerator)
    assert checkpoints.load() is False  # none yet
    for epoch, value in [(9, 1.0), (10, 2.0)]:
        progress.epoch = epoch
        nn.init.constant_(net.weight, value)
        checkpoints.save(progress)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch00010_step0000000"]  # the newest alone
    half = tmp_path / ".epoch00011_step0000000.part"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half of i")
    nn.init.zeros_(net.weight)
    progress.epoch = 0
    assert checkpoints.load() is True
    assert progress.epoch == 10 and torch.equal(net.weight, torch.full((2, 2), 2.0))
    progress.epoch, progress.step, progress.loss_sums = 10, 3, {"count": 3.0, "loss": 1.5}
    checkpoints.save(progress)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch00010_step0000003"]
    progress.step = 0
    checkpoints.load()
    assert (progress.step, progress.loss_sums) == (3, {"count": 3.0, "loss": 1.5})


def test_batch_norms_that_processes_share_keep_their_activation() -> None:
    """In evaluation, where they need no other process: timm's hold a ReLU, say, which torch's conversion would drop."""
    torch.manual_seed(0)
    norms = nn.Sequential(BatchNormAct2d(4), nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))).eval()
    images, names = torch.randn(2, 4, 5, 5), list(norms.state_dict())
    expected = norms(images)
    shared = shared_norms(norms)
    assert torch.equal(shared.eval()(images), expected) and list(shared.state_dict()) == names
    assert [isinstance(module, nn.SyncBatchNorm) for module in (shared[0], shared[1][1])] == [True, True]
