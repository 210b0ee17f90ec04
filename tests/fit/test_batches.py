"""Batches: each item once an epoch, in an order of its key; threads change nothing."""

import os
import threading
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.fit.batches import Items, Shuffled, in_order, load, stack


@given(st.integers(1, 300), st.integers(1, 64), st.integers(0, 1000), st.integers(0, 50))
def test_each_item_once_in_batches_of_the_right_size(count: int, size: int, seed: int, epoch: int) -> None:
    batches = Shuffled(count, size, seed).batches(epoch)
    assert sorted(sum(batches, [])) == list(range(count))
    assert all(len(batch) == size for batch in batches[:-1])
    # A last batch under half the size would be a noisy step, one of a single item has no batch norm: it joins its neighbour.
    assert max(size / 2, min(size, 2)) <= len(batches[-1]) < max(1.5 * size, 4) or len(batches) == 1


def test_a_last_batch_by_hand() -> None:
    sizes = {count: [len(batch) for batch in Shuffled(count, 4, 0).batches(0)] for count in (3, 4, 5, 6, 9, 10)}
    assert sizes == {3: [3], 4: [4], 5: [5], 6: [4, 2], 9: [4, 5], 10: [4, 4, 2]}


def test_the_order_is_keyed_by_seed_and_epoch() -> None:
    orders = {(seed, epoch): tuple(sum(Shuffled(50, 8, seed).batches(epoch), [])) for seed in range(3) for epoch in range(3)}
    assert len(set(orders.values())) == 9
    assert tuple(sum(Shuffled(50, 8, 1).batches(2), [])) == orders[1, 2]


def test_nothing_to_train_on() -> None:
    with pytest.raises(ValueError, match="no item"):
        Shuffled(0, 4, 0)


def test_in_order() -> None:
    assert in_order(5, 2) == [[0, 1], [2, 3], [4]]
    assert in_order(0, 2) == []


def test_stacking_lays_images_channels_last() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    batch = stack([{"image": picture, "whale": np.int64(k)} for k, picture in enumerate(pictures)])
    assert batch["image"].shape == (2, 3, 4, 5) and batch["image"].dtype == torch.uint8
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(batch["image"].numpy(), pictures.transpose(0, 3, 1, 2))
    assert batch["whale"].tolist() == [0, 1] and batch["whale"].dtype == torch.int64


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_make_the_items_and_change_nothing(threads: int) -> None:
    workers = set()
    meet = threading.Barrier(threads)

    def make(number: int) -> dict[str, np.ndarray]:
        meet.wait(timeout=60)  # passes only if as many items as threads are being made at once
        workers.add(threading.get_ident())
        return {"draw": np.random.default_rng((5, number)).random(3)}

    items = Items(8, make, threads)
    assert len(items) == 8
    batches = [[7, 0, 3, 1], [2, 4, 6, 5]]
    made = [batch["draw"].numpy() for batch in load(items, batches, "cpu")]
    for batch, numbers in zip(made, batches, strict=True):
        np.testing.assert_array_equal(batch, [np.random.default_rng((5, number)).random(3) for number in numbers])
    assert len(workers) == threads


@pytest.mark.parametrize("threads", [1, 3])
def test_an_item_that_fails_is_told_and_the_next_batch_is_made(threads: int) -> None:
    def make(number: int) -> dict[str, int]:
        if number == 5:
            raise ValueError("item 5 is broken")
        return {"n": number}

    items = Items(8, make, threads)
    for _ in range(10):  # whichever thread meets it
        with pytest.raises(ValueError, match="item 5 is broken"):
            items.__getitems__([0, 1, 2, 5, 3, 4])
    assert items.__getitems__([4, 2, 0]) == [{"n": 4}, {"n": 2}, {"n": 0}]
    assert items.__getitems__([]) == [] and items[7] == {"n": 7}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 7, 32])
def test_what_can_make_many_is_asked_for_a_share_a_thread(threads: int, count: int) -> None:
    asked: list[list[int]] = []

    class Make:
        def __call__(self, number: int) -> dict[str, int]:
            raise AssertionError("one at a time")

        def many(self, numbers: list[int]) -> list[dict[str, int]]:
            asked.append(numbers)
            return [{"n": 10 * number} for number in numbers]

    numbers = list(range(50, 50 + count))
    assert Items(100, Make(), threads).__getitems__(numbers) == [{"n": 10 * number} for number in numbers]
    assert sorted(sum(asked, [])) == numbers
    assert all(len(part) <= -(-count // threads) for part in asked) and len(asked) <= threads


class Drawn:
    """Items that say which process made them, and in which epoch."""

    epoch = 0

    def __call__(self, number: int) -> dict[str, np.ndarray]:
        if number == 99:
            raise ValueError(f"item 99 is broken, says {os.getpid()}")
        drawn = np.random.default_rng((5, self.epoch, number)).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        turned = cv2.warpAffine(drawn, np.float32([[0.9, 0.1, 2], [-0.1, 0.9, 3]]), (60, 40))
        return {"image": turned, "process": np.int64(os.getpid())}


def test_processes_make_the_same_batches_ahead() -> None:
    make, batches = Drawn(), Shuffled(20, 6, 0).batches(0)
    items = Items(20, make, 2)
    list(load(items, batches, "cpu"))  # the threads of the pool, and OpenCV's, are there when the processes begin
    for make.epoch in range(2):
        here, there = (list(load(items, batches, "cpu", workers)) for workers in (0, 2))
        assert len(here) == len(there) == len(batches)
        for one, other in zip(here, there, strict=True):
            assert torch.equal(one["image"], other["image"])
            assert other["image"].is_contiguous(memory_format=torch.channels_last)
        assert {*torch.cat([batch["process"] for batch in here]).tolist()} == {os.getpid()}
        workers = {*torch.cat([batch["process"] for batch in there]).tolist()}
        assert len(workers) == 2 and os.getpid() not in workers


def test_an_item_that_fails_in_a_process_is_told() -> None:
    with pytest.raises(ValueError, match="item 99 is broken") as told:
        list(load(Items(100, Drawn(), 1), [[0, 1], [99, 2]], "cpu", 2))
    assert f"says {os.getpid()}" not in str(told.value)


def test_a_gpus_processes_are_one_a_core_but_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Loader(list):
        def __init__(self, items: Items, **how: object) -> None:
            asked.append((how["pin_memory"], how.get("num_workers", 0)))

    monkeypatch.setattr("whichwhale.fit.batches.DataLoader", Loader)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    many = in_order(400, 4)
    for threads, batches in ((8, many), (1, many), (64, many), (8, many[:3]), (8, [])):
        list(load(Items(400, Drawn(), threads), batches, "cuda"))
    list(load(Items(400, Drawn(), 8), many, "cpu"))
    assert asked == [(True, 7), (True, 1), (True, 16), (True, 3), (True, 0), (False, 0)]
    asked.clear()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    list(load(Items(400, Drawn(), 16), many, "cuda"))
    assert asked == [(True, 3)]


@pytest.mark.parametrize(("free", "workers"), [(10**9, 7), (2 * 57_664 * 5, 5), (57_664, 0)])
def test_processes_hold_no_more_than_half_of_the_shared_memory(
    free: int, workers: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    class Loader(list):
        def __init__(self, items: Items, **how: object) -> None:
            asked.append(how.get("num_workers", 0))

    monkeypatch.setattr("whichwhale.fit.batches.DataLoader", Loader)
    monkeypatch.setattr("whichwhale.fit.batches.SHARED", tmp_path)
    monkeypatch.setattr("whichwhale.fit.batches.shutil.disk_usage", lambda folder: SimpleNamespace(free=free))
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    # a picture of 40 x 60 px and the number of a process: 7,208 bytes, four in a batch, two batches a process: 57,664
    list(load(Items(400, Drawn(), 8), in_order(400, 4), "cuda"))
    assert asked == [workers]
