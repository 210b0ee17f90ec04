"""Which items make the batches of an epoch, and how several threads or processes make them."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from whichwhale.fit.machine import usable_cores

Batch = dict[str, torch.Tensor]
MOST_WORKERS = 16
AHEAD = 2  # batches that each of them holds ready, as torch has it
SHARED = Path("/dev/shm")


class Sampler(Protocol):
    """Anything that says which items, by number, make the batches of an epoch: the same answer each time it is asked."""

    def batches(self, epoch: int) -> list[list[int]]:
        """Numbers of the items of each batch of an epoch, counted from 0, in order."""
        ...


class Shuffled:
    """Every item once an epoch, in an order keyed by (seed, epoch); a last batch under half the size, or of one item, joins its
    neighbour (batch norm has nothing to say of one)."""

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        if count < 1:
            raise ValueError("there is no item to train on")
        self.count, self.batch_size, self.seed = count, batch_size, seed

    def batches(self, epoch: int) -> list[list[int]]:
        order = np.random.default_rng((self.seed, epoch)).permutation(self.count)
        cuts = list(range(self.batch_size, self.count, self.batch_size))
        if cuts and self.batch_size > 1 and self.count - cuts[-1] < max(self.batch_size / 2, 2):
            cuts.pop()
        return [part.tolist() for part in np.split(order, cuts)]


class Items(Dataset):
    """A data set whose items of a batch are made side by side by threads (OpenCV and numpy let go of Python's lock).

    `make(number)` returns a dict of arrays or numbers of one item. If it has a method `many(numbers)`, which returns a list of
    them, each thread asks that for its share. Threads, not processes, where a CPU trains: they work between two training steps,
    when the cores are free, and there is nothing to copy. A process that makes batches for a GPU (`load`) has one thread.
    """

    def __init__(self, count: int, make: Callable[[int], dict[str, Any]], threads: int | None = None) -> None:
        self.count, self.make = count, make
        self.threads = threads or usable_cores()  # the one that asks makes items too
        self._pool = ThreadPoolExecutor(max(self.threads - 1, 1))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> dict[str, Any]:
        return self.make(number)

    def __getitems__(self, numbers: list[int]) -> list[dict[str, Any]]:
        many = getattr(self.make, "many", None)
        if get_worker_info() is not None:  # a copy of this process, whose pool's threads were not copied
            return many(numbers) if many else [self.make(number) for number in numbers]
        few = 1 if many is None else -(-len(numbers) // self.threads)
        parts = [slice(start, start + few) for start in range(0, len(numbers), few or 1)]
        made: list[dict[str, Any]] = [{}] * len(numbers)
        left = deque(parts)

        def work() -> None:
            while True:
                try:
                    part = left.popleft()
                except IndexError:
                    return
                made[part] = many(numbers[part]) if many else [self.make(number) for number in numbers[part]]

        others = [self._pool.submit(work) for _ in range(min(self.threads, len(parts)) - 1)]
        try:
            work()
        finally:
            left.clear()
            wait(others)
        for other in others:
            other.result()  # raises what went wrong there
        return made


def stack(items: list[dict[str, Any]]) -> Batch:
    """Stack items into a batch; `image` [H, W, 3] becomes [B, 3, H, W] that lies channels-last in memory."""
    batch = {key: torch.from_numpy(np.stack([item[key] for item in items])) for key in items[0]}
    if "image" in batch:
        batch["image"] = batch["image"].permute(0, 3, 1, 2)
    return batch


def load(items: Items, batches: list[list[int]], device: torch.device | str, workers: int | None = None) -> Iterator[Batch]:
    """Make the batches one after another and bring each to `device`.

    A GPU would wait for them, so there `workers` processes (None: one a core, but for one, and of each of torchrun's processes
    its share) make them ahead while it works; 0: this one does, as for a CPU. Batches are the same either way.
    """
    pinned = torch.device(device).type == "cuda"
    if workers is None:
        forks = pinned and "fork" in multiprocessing.get_all_start_methods()
        cores = items.threads // int(os.environ.get("LOCAL_WORLD_SIZE", 1))  # torchrun's: how many fit side by side
        workers = min(max(cores - 1, 1), MOST_WORKERS, len(batches), _room(items, batches)) if forks else 0
    more = {"num_workers": workers, "prefetch_factor": AHEAD, "multiprocessing_context": "fork"} if workers else {}
    if workers:
        cv2.setNumThreads(0)  # OpenCV's own threads are not copied either, and would be waited for
    for batch in DataLoader(items, batch_sampler=batches, collate_fn=stack, pin_memory=pinned, **more):
        yield {key: value.to(device, non_blocking=pinned) for key, value in batch.items()}


def _room(items: Items, batches: list[list[int]]) -> int:
    """How many processes may hold batches in half of the shared memory that is free: a container may have next to none."""
    if not (SHARED.is_dir() and batches):
        return MOST_WORKERS
    item = stack([items[batches[0][0]]])
    held = AHEAD * max(map(len, batches)) * sum(value.nbytes for value in item.values())
    return shutil.disk_usage(SHARED).free // 2 // held


def in_order(count: int, batch_size: int) -> list[list[int]]:
    """All items once, in order, in batches of `batch_size`."""
    return [list(range(start, min(start + batch_size, count))) for start in range(0, count, batch_size)]
