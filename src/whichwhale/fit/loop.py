"""The training loop: takes an objective, items and a sampler, and knows nothing of whales.

accelerate carries devices, precision, several processes and checkpoints. Every random number is keyed by (seed, epoch, step or
item), so a fit that was killed and started again ends with the same numbers as one that ran through.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from tqdm import tqdm

from whichwhale.files import write_text
from whichwhale.fit.batches import Batch, Items, Sampler, load
from whichwhale.fit.checkpoint import Checkpoints, Progress
from whichwhale.fit.config import FitConfig
from whichwhale.fit.machine import ask_machine, keep_freed_memory, peak_memory_mb
from whichwhale.fit.processes import shared_norms
from whichwhale.fit.schedule import rate

ASK_EVERY = 16  # steps after which several processes ask the main one's clock whether a checkpoint is due
Validate = Callable[[nn.Module], dict[str, float]]


class Diverged(ValueError):  # noqa: N818 (what happened to the fit)
    """The loss is no longer a finite number."""


class Objective(nn.Module):
    """What a fit minimises: `forward(batch)` returns a dict of scalar losses, each already weighted; their sum is the loss.

    An auxiliary target is one more key. `fresh_parameters`, for which there never are weights from elsewhere (heads), learn at
    `FitConfig.head_lr`.
    """

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        raise NotImplementedError  # each objective says what it minimises

    def fresh_parameters(self) -> list[nn.Parameter]:
        return []

    def settled(self, step: int) -> bool:
        """Whether losses from training step `step` on can be compared: a loss that rises by design looks as if it stood still."""
        return True


def fit(
    objective: Objective,
    items: Items,
    sampler: Sampler,
    config: FitConfig,
    *,
    folder: Path,
    seed: int,
    validate: Validate | None = None,
    set_epoch: Callable[[int], None] = lambda epoch: None,
    report: Callable[[dict], None] = lambda status: None,
    name: str = "fit",
) -> None:
    """Fit `objective` in place; on return it holds the final weights, on the CPU, in eval mode.

    `folder` receives metrics.jsonl (one row an epoch) and checkpoints, from which the same call goes on; these are the caller's
    to delete once the weights are saved. `set_epoch(epoch)` is called before an epoch's items are made; `validate(objective)`
    returns numbers for metrics.jsonl; `report(status)` gets the progress a few times a minute. Raises Diverged if the loss is
    not finite.

    Of several processes (torchrun) each takes every so-many-th batch; all end with the same weights. Only the main one writes,
    validates and reports. Batch norm's running statistics are its own.
    """
    keep_freed_memory()
    machine = ask_machine(config.precision)
    accelerator = _accelerator(machine.device, machine.precision)
    if machine.device == "cuda" and accelerator.num_processes > 1:
        objective = shared_norms(objective)
    objective.to(memory_format=torch.channels_last)
    # One fused kernel a group: of 200 ms that a step takes on two cores the plain one would take 19, this one 5.
    optimizer = torch.optim.AdamW(_parameter_groups(objective, config), lr=config.lr, fused=machine.device in ("cpu", "cuda"))
    average = ModelEmaV3(objective, config.ema, use_warmup=True) if config.ema else None  # a copy of the bare one
    model, optimizer = accelerator.prepare(objective, optimizer)
    progress = Progress()
    accelerator.register_for_checkpointing(progress)
    if average is not None:
        average.to(accelerator.device)
        accelerator.register_for_checkpointing(average)
    checkpoints = Checkpoints(folder / "checkpoints", accelerator)
    if checkpoints.load() and accelerator.is_main_process:
        print(f"{name}: going on at epoch {progress.epoch + 1} of {config.epochs}, batch {progress.step}")
    metrics = _Metrics(folder / "metrics.jsonl", keep=progress.epoch)

    per_epoch = len(_share(sampler.batches(0), accelerator))
    bar = tqdm(
        total=config.epochs * per_epoch,
        initial=progress.epoch * per_epoch + progress.step,
        desc=name,
        unit="batch",
        mininterval=2,
        disable=not accelerator.is_main_process,
    )
    saved = reported = time.monotonic()
    while progress.epoch < config.epochs:
        epoch = progress.epoch
        set_epoch(epoch)
        model.train()
        batches = _share(sampler.batches(epoch), accelerator)
        kicked = tuple(progress.kicked)
        started = time.monotonic()
        sums = _Sums(progress.loss_sums)
        for batch in load(items, batches[progress.step :], accelerator.device):
            now = epoch + progress.step / len(batches)
            _set_rate(optimizer, config.lr * rate(config, now, kicked))
            # Dropout and the like draw from torch's own stream, which is set anew for each step.
            torch.manual_seed(_stream(seed, epoch, progress.step, accelerator.process_index))
            losses = model(batch)
            total = torch.stack(list(losses.values())).sum()
            accelerator.backward(total)
            accelerator.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if average is not None:
                average.update(accelerator.unwrap_model(model), epoch * per_epoch + progress.step)
            progress.step += 1
            progress.images += len(next(iter(batch.values()))) * accelerator.num_processes
            sums.add(losses, total)
            bar.update()
            tick = time.monotonic()
            if tick - reported > 10:
                sums.check(name, epoch)
                bar.set_postfix_str(f"epoch {epoch + 1}/{config.epochs} {sums}")
                if accelerator.is_main_process:
                    report({"epoch": epoch, "step": progress.step, "epochs": config.epochs})
                reported = tick
            overdue = tick - saved > 60 * config.checkpoint_minutes
            if progress.step < len(batches) and _agreed(overdue, progress.step, config, accelerator):
                sums.share(accelerator)
                sums.check(name, epoch)  # else the same command would go on from weights that are no numbers
                progress.seconds += tick - started
                progress.loss_sums = sums.state()
                checkpoints.save(progress)
                started = saved = time.monotonic()
        sums.share(accelerator)
        sums.check(name, epoch)
        progress.seconds += time.monotonic() - started
        row = {"epoch": epoch + 1, "lr": config.lr * rate(config, epoch + 0.5, kicked), **sums.means()}
        row |= {"kicked": True} if epoch in kicked else {}
        row |= {"images_per_second": progress.images / max(progress.seconds, 1e-9), "seconds": progress.seconds}
        if accelerator.is_main_process:
            if validate is not None and ((epoch + 1) % config.validate_every == 0 or epoch + 1 == config.epochs):
                model.eval()
                row |= validate(accelerator.unwrap_model(model) if average is None else average.module)
            metrics.append(row | {"peak_memory_mb": peak_memory_mb()})
        standstill = progress.standstill()
        if objective.settled(epoch * per_epoch):
            standstill = standstill.after(epoch, sums.means()["loss"], config.plateau)
        progress.next_epoch(standstill)
        if epoch + 1 in progress.kicked and epoch + 1 < config.epochs and accelerator.is_main_process:
            bar.write(f"{name}: the loss stands still; a kick of the learning rate in epoch {epoch + 2}")
        checkpoints.save(progress)
        saved = time.monotonic()
    bar.close()
    fitted = accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    if average is not None:
        fitted.load_state_dict(average.module.state_dict())
    if accelerator.num_processes > 1:
        for buffer in fitted.buffers():  # each process has seen other batches; during the fit the main one's are handed out
            torch.distributed.broadcast(buffer, 0)
    fitted.eval().to("cpu")
    accelerator.free_memory()


@contextmanager
def seeded(*key: int) -> Iterator[None]:
    """Inside, torch draws from the stream of `key` (a network's first weights, for example); outside, nothing has changed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_stream(*key))
        yield


def _accelerator(device: str, precision: str) -> Accelerator:
    """A fresh accelerator: the library keeps its settings for the whole process, but fits in one process may differ."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    PartialState._reset_state()
    return Accelerator(mixed_precision=precision, cpu=device == "cpu")


def _agreed(overdue: bool, step: int, config: FitConfig, accelerator: Accelerator) -> bool:
    """Whether all processes make a checkpoint now: the main one's clock decides, asked once in a while since asking costs."""
    if accelerator.num_processes == 1 or not config.checkpoint_minutes:
        return overdue
    if step % ASK_EVERY:
        return False
    said = torch.tensor([int(overdue)], device=accelerator.device)
    torch.distributed.broadcast(said, 0)
    return bool(said.item())


def _share(batches: list[list[int]], accelerator: Accelerator) -> list[list[int]]:
    """This process's batches; every process gets as many, so that none waits for another for ever."""
    processes = accelerator.num_processes
    whole = len(batches) // processes * processes or len(batches)
    return batches[:whole][accelerator.process_index :: processes] or batches[:1]


def _stream(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


def _parameter_groups(objective: Objective, config: FitConfig) -> list[dict]:
    """Four groups: fresh or not, decayed or not. One-dimensional parameters (biases, norms) are not decayed."""
    fresh = {id(parameter) for parameter in objective.fresh_parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in objective.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in fresh, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "weight_decay": config.weight_decay if decayed else 0.0,
            "factor": config.head_lr if is_fresh else 1.0,
        }
        for (is_fresh, decayed), parameters in groups.items()
    ]


def _set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr * group["factor"]


class _Sums:
    """Running sums of the losses of an epoch. They stay on the device: reading them would wait for each step."""

    def __init__(self, state: dict[str, float] | None) -> None:
        self.sums: dict[str, Tensor | float] = dict(state or {"count": 0.0})

    def add(self, losses: dict[str, Tensor], total: Tensor) -> None:
        self.sums["count"] += 1
        for key, value in [("loss", total), *((f"loss_{key}", value) for key, value in losses.items())]:
            wide = value.detach().to(torch.float32 if value.device.type == "mps" else torch.float64)  # mps has no float64
            self.sums[key] = self.sums.get(key, 0.0) + wide

    def share(self, accelerator: Accelerator) -> None:
        """Make them the mean over the processes, so that each can go on from the same."""
        if accelerator.num_processes > 1:
            values = torch.tensor([*self.state().values()], dtype=torch.float64, device=accelerator.device)
            self.sums = dict(zip(self.sums, accelerator.reduce(values, "mean").tolist(), strict=True))

    def state(self) -> dict[str, float]:
        return {key: float(value) for key, value in self.sums.items()}

    def means(self) -> dict[str, float]:
        return {key: value / self.sums["count"] for key, value in self.state().items() if key != "count"}

    def check(self, name: str, epoch: int) -> None:
        if not np.isfinite(list(self.state().values())).all():
            raise Diverged(f"{name}: the loss is not finite in epoch {epoch + 1}; lower fit.lr or set fit.precision=no")

    def __str__(self) -> str:
        return f"loss {self.means().get('loss', float('nan')):.3f}"


class _Metrics:
    """metrics.jsonl: one row an epoch; rows that a resumed fit will write again are dropped first."""

    def __init__(self, path: Path, keep: int) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.lines = lines[:keep]

    def append(self, row: dict) -> None:
        self.lines.append(json.dumps(row))
        write_text(self.path, "\n".join(self.lines) + "\n")
