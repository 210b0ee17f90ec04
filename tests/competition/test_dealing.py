"""Folds: the promises of contract 1, for any set of whales."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from whichwhale.competition import dealing, folds

counts = st.lists(st.integers(1, 9), min_size=1, max_size=25)


def photos(photos_per_whale: list[int]) -> tuple[list[str], list[str]]:
    whales = [f"whale_{i}" for i, count in enumerate(photos_per_whale) for _ in range(count)]
    return [f"w_{i}.jpg" for i in range(len(whales))], whales


def even(values: pd.Series, n: int) -> int:
    """Largest difference between folds 0 … n−1, absent ones counted as 0."""
    filled = values.reindex(range(n), fill_value=0)
    return int(filled.max() - filled.min())


@settings(deadline=None)
@given(counts, st.integers(2, 5), st.integers(0, 3))
def test_closed_folds(photos_per_whale: list[int], n: int, seed: int) -> None:
    images, whales = photos(photos_per_whale)
    if sum(count for count in photos_per_whale if count > 1) < n:
        with pytest.raises(folds.FoldsError, match="ask for fewer"):
            dealing.make(images, whales, n, seed)
        return
    table = dealing.make(images, whales, n, seed).merge(pd.DataFrame({"Image": images, "whaleID": whales}))
    assert sorted(table["Image"]) == sorted(images) and set(table["kind"]) == {"closed"}
    single = table.groupby("whaleID")["Image"].transform("size") == 1
    assert (single == (table["fold"] == -1)).all()
    dealt = table[~single]
    assert even(dealt["fold"].value_counts(), n) <= 1
    assert even(dealt.groupby("fold")["whaleID"].nunique(), n) <= 1
    for _, mine in dealt.groupby("whaleID"):
        assert even(mine["fold"].value_counts(), n) <= 1
        assert mine["fold"].nunique() >= 2  # so every fold model knows the whale


@settings(deadline=None)
@given(counts, st.integers(2, 5), st.integers(0, 3))
def test_disjoint_folds(photos_per_whale: list[int], n: int, seed: int) -> None:
    images, whales = photos(photos_per_whale)
    several = [count for count in photos_per_whale if count > 1]
    if len(several) < n:
        with pytest.raises(folds.FoldsError, match="ask for fewer"):
            dealing.make(images, whales, n, seed, "disjoint")
        return
    table = dealing.make(images, whales, n, seed, "disjoint").merge(pd.DataFrame({"Image": images, "whaleID": whales}))
    assert (table.groupby("whaleID")["fold"].nunique() == 1).all()
    dealt = table[table["fold"] >= 0]
    assert dealt["whaleID"].nunique() == len(several)
    assert even(dealt.groupby("fold")["whaleID"].nunique(), n) <= 1
    assert even(dealt["fold"].value_counts(), n) <= max(several)


@pytest.mark.parametrize("kind", folds.KINDS)
def test_row_order_does_not_matter_and_the_seed_does(kind: folds.Kind) -> None:
    images, whales = photos([5, 4, 3, 2, 2, 1, 7])
    made = dealing.make(images, whales, 3, 0, kind)
    order = np.random.default_rng(0).permutation(len(images))
    again = dealing.make([images[i] for i in order], [whales[i] for i in order], 3, 0, kind)
    pd.testing.assert_frame_equal(made, again)
    assert not made.equals(dealing.make(images, whales, 3, 1, kind))


def test_known_folds() -> None:
    """Pinned: another version must deal the same, or models fitted before would be scored on photos that they saw."""
    made = dealing.make(*photos([3, 2, 1]), folds=2, seed=0)
    assert made["fold"].tolist() == [1, 0, 1, 0, 1, -1]


def test_bad_requests() -> None:
    with pytest.raises(folds.FoldsError, match="first a"):
        dealing.make(["a", "a"], ["x", "x"])
    with pytest.raises(folds.FoldsError, match="at least 2"):
        dealing.make(*photos([5]), folds=1)
    with pytest.raises(folds.FoldsError, match="one whale for each"):
        dealing.make(["a", "b"], ["x"])
    with pytest.raises(folds.FoldsError, match="closed, disjoint"):
        dealing.make(*photos([5]), kind="open")  # type: ignore[arg-type]


@given(photos_per_whale=st.lists(st.integers(1, 14), min_size=6, max_size=30), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_photos_set_aside_to_calibrate_on(photos_per_whale: list[int], seed: int) -> None:
    """They are the same in every partition; whales keep two photos or more, and every fold's model knows every whale."""
    whale = {f"w_{w}_{n}.jpg": f"whale_{w}" for w, count in enumerate(photos_per_whale) for n in range(count)}
    try:
        tables = [dealing.make(list(whale), list(whale.values()), 2, seed, calibration=0.2, repeat=r) for r in range(3)]
    except folds.FoldsError:
        assume(False)  # too few photos
    aside = [set(table.loc[table["fold"] == folds.CALIBRATION, "Image"]) for table in tables]
    many = sum(count for count in photos_per_whale if count > 2)
    assert aside[0] == aside[1] == aside[2] and abs(len(aside[0]) - many / 5) <= 1
    for table in tables:
        for k in folds.numbers(table):
            training, held_out = folds.train_validation(table, k)
            assert {whale[image] for image in training} == set(whale.values())
            assert aside[0] <= set(held_out) and not set(training) & set(held_out)
        assert folds.train_validation(table, "all") == (table["Image"].tolist(), [])
    left = Counter(whale[image] for image in whale if image not in aside[0])
    assert all(left[f"whale_{w}"] >= min(count, 2) for w, count in enumerate(photos_per_whale))


def test_partitions_are_others_but_the_first_is_as_ever() -> None:
    images, whales = [f"w_{n}.jpg" for n in range(60)], [f"whale_{n % 9}" for n in range(60)]
    dealt = [dealing.make(images, whales, 3, 1, repeat=r)["fold"].tolist() for r in range(3)]
    assert dealt[0] == dealing.make(images, whales, 3, 1)["fold"].tolist()
    assert len({tuple(one) for one in dealt}) == 3
    with pytest.raises(folds.FoldsError, match="a share from 0 to 1/3 of closed folds"):
        dealing.make(images, whales, 3, kind="disjoint", calibration=0.1)


@pytest.mark.parametrize("kind", folds.KINDS)
def test_added_photos_move_no_other(kind: str) -> None:
    """Of 9 whales with 2 to 10 photos and one with a single one, some photos come later, among them those of new whales."""
    whale_of = {f"w_{whale}_{shot}": f"whale_{whale}" for whale in range(10) for shot in range(max(1, whale + 1))}
    first = {image: whale for image, whale in whale_of.items() if hash_free(image) % 3 and whale not in ("whale_8", "whale_3")}
    before = dealing.make(list(first), list(first.values()), 3, kind=kind)
    after = dealing.extend(before, list(whale_of), list(whale_of.values()))
    assert after["Image"].tolist() == sorted(whale_of) and set(after["kind"]) == {kind}
    both = after.set_index("Image")["fold"]
    assert both[before["Image"]].tolist() == before["fold"].tolist()
    new_whale = both[[image for image, whale in whale_of.items() if whale == "whale_8"]]
    for whale in sorted(set(whale_of.values())):
        mine = {int(both[image]) for image, name in whale_of.items() if name == whale}
        if kind == "disjoint":
            assert len(mine) == 1, whale
        else:
            assert len(mine) > 1 or mine == {-1}, whale
    if kind == "closed":
        assert new_whale.value_counts().tolist() == [3, 3, 3]
    pd.testing.assert_frame_equal(dealing.extend(after, list(whale_of), list(whale_of.values())), after)  # nothing is new
    less = list(first)[5:]
    kept = dealing.extend(after, less, [first[image] for image in less])
    assert kept["fold"].tolist() == [int(both[image]) for image in sorted(less)]  # photos that are gone move none either


def hash_free(image: str) -> int:
    """A number from a name, the same in every process."""
    return sum(map(ord, image))


def test_a_new_photo_joins_its_group() -> None:
    images, whales = [f"{whale}{n}" for whale in "ab" for n in range(4)], [*"aaaabbbb"]
    groups = {image: f"{image[0]}/{int(image[1]) // 2}" for image in images}
    before = dealing.make(images, whales, 2, groups=groups)
    after = dealing.extend(before, [*images, "a9", "b9"], [*whales, "a", "b"], groups | {"a9": "a/0", "b9": "b/9"})
    both = after.set_index("Image")["fold"]
    assert both["a9"] == both["a0"] == both["a1"] and both[images].tolist() == before.set_index("Image")["fold"][images].tolist()
    assert both["b9"] in (0, 1)
