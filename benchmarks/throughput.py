"""Does making training passports starve the network? Images/s of the bare training step, and end to end.

examples:
  python benchmarks/throughput.py configs/right_whale_heads/lite0_160.yaml
  python benchmarks/throughput.py configs/right_whale_heads/lite0_160_heavy.yaml view.height=80 --turns 6

The bare step trains on batches that lie in memory; end to end the items are made as in a fit, by threads between two steps. Both
take turns, so that a machine that slows down slows both; the medians over the turns are compared. Wanted: end to end at least
0.9 of the bare step. Run it on a quiet machine. No weights are kept.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence

import torch

from whichwhale.command_line import add_config, carried_out, parsed, parser_of
from whichwhale.fit.batches import Batch, Items, load
from whichwhale.fit.machine import ask_machine, keep_freed_memory
from whichwhale.identify.alarm import CollapseAlarm
from whichwhale.identify.door import open_experiment
from whichwhale.identify.experiment import Experiment, item_of
from whichwhale.identify.net import Identifier, IdentifyObjective
from whichwhale.identify.passports import TrainingPassports
from whichwhale.identify.training_set import TrainingSet

WANTED = 0.9


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 measured, 2 it can't be carried out."""
    parser = parser_of("benchmarks/throughput.py", __doc__)
    add_config(parser, "a model's YAML", "as train.py takes them")
    parser.add_argument("--turns", type=int, default=4, metavar="N", help="of each kind (default %(default)s)")
    parser.add_argument("--steps", type=int, default=8, metavar="N", help="of a turn (default %(default)s)")
    return carried_out(benchmark, parsed(parser, arguments, "override"), by="benchmarks/throughput.py")


def benchmark(options: argparse.Namespace) -> None:
    """Measure and print. Raises ValueError."""
    if options.turns < 1 or options.steps < 1:
        raise ValueError("--turns and --steps must be 1 or more")
    experiment = open_experiment(options.config, options.override)
    if experiment.config.bottleneck:
        raise ValueError(f"{options.config}: with a bottleneck no passport is made in a step; there is nothing to measure")
    config = experiment.config
    bare, whole, making = measure(experiment, options.turns, options.steps)
    size, machine = config.view.size, ask_machine(config.fit.precision)
    what = " ".join([options.config.stem, *options.override])
    told = f"{what}: {size[0]} x {size[1]}, {machine.device}, {machine.threads} threads"
    print(f"{told}: bare step {bare:.1f}, end to end {whole:.1f}, items alone {making:.0f} images/s")
    print(f"share {whole / bare:.3f}, wanted {WANTED}: {'met' if whole / bare >= WANTED else 'not met'}")


def measure(experiment: Experiment, turns: int, steps: int) -> tuple[float, float, float]:
    """Images/s of the bare step, of steps on items made for them, and of making items, each the median of `turns`."""
    keep_freed_memory()
    config, data = experiment.config, TrainingSet.of(experiment, "all")
    rows = experiment.store.rows([item_of(image) for image in data.photos])
    mixed = config.augment.mix.epochs(config.fit.epochs)
    passports = TrainingPassports(experiment.store, rows, data.labels, config.view, config.augment, config.seed, mixed)
    items = Items(len(rows), passports)
    machine = ask_machine(config.fit.precision)
    device, half = torch.device(machine.device), {"bf16": torch.bfloat16, "fp16": torch.float16}.get(machine.precision)
    net = Identifier(config, len(data.seen), len(experiment.auxiliary_names) if config.auxiliary.weight else 0)
    net.know(torch.from_numpy(data.counts()))
    alarm = CollapseAlarm(config.alarm, net.head) if config.alarm.on else None
    objective = IdentifyObjective(net, config.auxiliary.weight, alarm, data.linked)
    objective.to(device, memory_format=torch.channels_last).train()
    trained = [one for one in objective.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=device.type in ("cpu", "cuda"))  # as in a fit

    def step(batch: Batch) -> None:
        with torch.autocast(device.type, half, enabled=half is not None):
            losses = objective(batch)
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(objective.parameters(), config.fit.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    order = data.sampler.batches(0)

    def turn(number: int) -> list[list[int]]:
        return [order[(number * steps + k) % len(order)] for k in range(steps)]

    fixed = list(load(items, order[:2], device))
    for _ in range(4):
        step(fixed[0])  # the first steps choose their kernels
    speeds: dict[str, list[float]] = {"bare": [], "whole": [], "making": []}
    for number in range(turns):
        speeds["bare"].append(_speed((fixed[k % len(fixed)] for k in range(steps)), step, device))
        speeds["whole"].append(_speed(load(items, turn(number), device), step, device))
        speeds["making"].append(_speed(load(items, turn(number), device), lambda batch: None, device))
    bare, whole, making = (statistics.median(of) for of in speeds.values())
    return bare, whole, making


def _speed(batches: Iterable[Batch], do: Callable[[Batch], None], device: torch.device) -> float:
    began, images = time.perf_counter(), 0
    for batch in batches:
        do(batch)
        images += len(batch["whale"])
    if device.type == "cuda":
        torch.cuda.synchronize()
    return images / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
