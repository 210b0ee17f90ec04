"""Boxes for an aligner as at test time, where one split holds photos out: from localizers that saw neither those nor the photo.

The other folds of folds.csv are the inner ones. A localizer is fitted for each, in a data set of its own that has the training
photos alone, and finds the boxes of the photos that it left out; those of the held-out photos are the split's own localizer's.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from whichwhale import annotations as contract
from whichwhale.competition import folds
from whichwhale.config import input_dir, runs_dir
from whichwhale.files import write_atomically, write_json, write_text
from whichwhale.localize.config import TruthConfig

NAME = "inner-boxes"  # the run folder that an aligner takes them from: boxes=inner-boxes
KEY_FILE = "inner.json"
LEFT_OUT = ("dataset=", "data.root=", "folds.count=", "fold=")


def inner(dataset: str) -> str:
    """The data set of the training photos."""
    return f"{dataset}_inner"


def told(arguments: Sequence[str], dataset: str) -> list[str]:
    """train.py's arguments of all inner fits, from those of the fit on the split's training photos."""
    count = len(folds.numbers(folds.read(runs_dir() / inner(dataset) / "folds.csv")))
    same = [one for one in arguments if not one.startswith(LEFT_OUT)]
    return [f"dataset={inner(dataset)}", f"data.root={inner(dataset)}", f"truth.folder={dataset}", f"folds.count={count}", *same]


def make(dataset: str, fold: int) -> None:
    """Make the data set of the photos of `dataset` that `fold` trains on, with its folds.csv: fold k > `fold` is k − 1 there.

    Run again, it does nothing. Raises ValueError if it was made of other photos or another split.
    """
    source, root, home = input_dir() / dataset, input_dir() / inner(dataset), runs_dir() / inner(dataset)
    dealt, train = folds.read(runs_dir() / dataset / "folds.csv"), pd.read_csv(source / "train.csv", dtype=str)
    mine = dealt[dealt["fold"] != fold].copy()
    mine["fold"] = mine["fold"].where(mine["fold"] < fold, mine["fold"] - 1)
    train = train[train["Image"].isin(set(mine["Image"]))]
    key = {"fold": fold, "folds": folds.fingerprint(dealt), "whales": train["whaleID"].tolist()}
    if (root / KEY_FILE).exists():
        if json.loads((root / KEY_FILE).read_text(encoding="utf-8")) != key:
            raise ValueError(f"{root}: is made of other photos or another split; delete it and {home}")
        return
    root.mkdir(parents=True, exist_ok=True)
    (root / "imgs").unlink(missing_ok=True)
    os.symlink((source / "imgs").resolve(), root / "imgs", target_is_directory=True)
    write_text(root / "train.csv", train.to_csv(index=False, lineterminator="\n"))
    write_text(root / "sample_submission.csv", (source / "sample_submission.csv").read_text(encoding="utf-8"))
    home.mkdir(parents=True, exist_ok=True)
    folds.write(home / "folds.csv", mine.reset_index(drop=True), replace=True)
    write_json(root / KEY_FILE, key)  # last: a folder that has it is whole


def assemble(dataset: str, fold: int, localizer: str) -> Path:
    """Write the boxes and single views that all fits of `localizer` found, each in photos that it left out, as if they were one
    localizer's of `dataset`; returns its run folder. A photo that every fit trains on has the mean of the inner ones."""
    home, within, outside = (
        runs_dir() / dataset / NAME,
        runs_dir() / inner(dataset) / localizer,
        runs_dir() / dataset / localizer / f"fold{fold}",
    )
    table, own = contract.read(within / "annotations.csv"), contract.read(outside / "annotations.csv")
    dealt = folds.read(runs_dir() / dataset / "folds.csv")
    table = table[table["Image"].isin(set(dealt["Image"]))].copy()  # the test photos' are the split's own localizer's
    table["fold"] = table["fold"].where(table["fold"] < fold, table["fold"] + 1)
    assert not set(table["Image"]) & set(own["Image"])
    both = pd.concat([table, own], ignore_index=True)[own.columns.tolist()]
    for number in folds.numbers(dealt):
        source = outside if number == fold else within / f"fold{number - (number > fold)}"
        target = home / f"fold{number}" / "views.npz"
        target.parent.mkdir(parents=True, exist_ok=True)
        with (source / "views.npz").open("rb") as stream:
            write_atomically(target, lambda out, stream=stream: shutil.copyfileobj(stream, out))
    contract.write(home / "annotations.csv", contract.build(both.to_dict("records"), list(TruthConfig().points)))
    return home
