"""A data set of some of a survey's photos and all real ones, whose folds leave one real photo out each."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

from whichwhale import annotations as contract
from whichwhale.annotations import point_names
from whichwhale.annotations.table import BOX, columns, text
from whichwhale.competition import folds
from whichwhale.config import input_dir, runs_dir
from whichwhale.files import sha256, write_json, write_text
from whichwhale.localize.config import TruthConfig
from whichwhale.localize.truth import points_of, read_table

ADDED = "added"  # at the end of the data set's name
KEY_FILE = "mix.json"
POINTS = list(TruthConfig().points)


def labelled(photos: Path, truth: Path) -> tuple[pd.DataFrame, dict[str, Path]]:
    """Contract 1 of the photos in a folder that `truth` (a table, or a folder of Sloth files) knows the box and both points of,
    by name; and the files of all photos there. Raises ValueError if there is none."""
    if not photos.is_dir():
        raise ValueError(f"{photos}: no such folder of photos; link it there, or say --photos")
    table = read_table(TruthConfig(), truth) if truth.is_dir() else contract.read(truth)
    if missing := [name for name in POINTS if name not in point_names(table)]:
        raise ValueError(f"{truth}: has no point {missing[0]!r}; it has {', '.join(point_names(table))}")
    paths = {path.name: path for path in sorted(photos.iterdir()) if path.is_file() and not path.name.startswith(".")}
    mine = table["Image"].isin(set(paths)) & table["item"].str.endswith("#0") & (table["part"] == TruthConfig().part)
    table = table[mine].sort_values("Image").reset_index(drop=True)
    known = np.isfinite(points_of(table, POINTS)).all((1, 2)) & np.isfinite(table[BOX].to_numpy(float)).all(1)
    if not known.any():
        raise ValueError(f"{photos}: {truth} knows the box and both points of none of the {len(paths)} photos there")
    if not known.all():
        without = table.loc[~known, "Image"].tolist()
        print(f"{truth}: {len(without)} photos have no box or not both points there and don't count, the first is {without[0]}")
    return table[known].reset_index(drop=True), paths


def mix(survey: str, mixed: str, truth: pd.DataFrame, paths: dict[str, Path], kept: int, copies: int) -> None:
    """Make the data set `mixed` in input/ and runs/: links to `kept` photos of the survey and to `copies` of each photo of
    `truth`, tables, and folds.csv, in which fold k leaves out real photo k alone.

    A copy is a photo under a name of its own, so that each is moved in its own way. Run again, it does nothing; raises ValueError
    if the folder holds another mixture.
    """
    if is_made(survey, mixed, truth, paths, kept, copies):
        return
    root, source = input_dir() / mixed, input_dir() / survey
    names = pd.read_csv(source / "train.csv", dtype=str)
    order = sorted(names["Image"], key=lambda image: hashlib.sha256(image.encode()).hexdigest())
    chosen, rest = sorted(order[:kept]), order[kept:]
    if not rest:
        raise ValueError(f"--kept {kept}: the survey has {len(order)} photos to train on, and one must be left; keep fewer")
    whale_of = dict(zip(names["Image"], names["whaleID"], strict=True))
    files = {image: source / "imgs" / image for image in [*chosen, rest[0]]}
    rows, fold_of = [(image, whale_of[image]) for image in chosen], dict.fromkeys(chosen, -1)
    drawn = read_table(TruthConfig(), source)
    tables = [drawn[drawn["Image"].isin(set(chosen))]]
    for number, image in enumerate(truth["Image"]):
        for copy in range(copies):
            name = f"{Path(image).stem}~{copy:02}{Path(image).suffix}"
            rows.append((name, f"real_{number}"))
            fold_of[name] = number
            files[name] = paths[image]
            tables.append(truth[truth["Image"] == image].assign(Image=name, item=f"{name}#0"))
    (root / "imgs").mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        (root / "imgs" / name).unlink(missing_ok=True)
        os.symlink(path.resolve(), root / "imgs" / name)
    write_text(root / "train.csv", pd.DataFrame(rows, columns=["Image", "whaleID"]).to_csv(index=False, lineterminator="\n"))
    whales = sorted({whale for _, whale in rows})
    sample = pd.DataFrame({"Image": [rest[0]]} | {whale: [1 / len(whales)] for whale in whales})
    write_text(root / "sample_submission.csv", sample.to_csv(index=False, lineterminator="\n"))
    records = [row for table in tables for row in table[columns(POINTS)].to_dict("records")]
    contract.write(root / "annotations.csv", contract.build(records, POINTS))
    dealt = pd.DataFrame({"Image": sorted(fold_of), "kind": "closed"})
    dealt.insert(1, "fold", [fold_of[image] for image in sorted(fold_of)])
    (runs_dir() / mixed).mkdir(parents=True, exist_ok=True)
    folds.write(runs_dir() / mixed / "folds.csv", dealt)
    write_json(root / KEY_FILE, _key(survey, truth, paths, kept, copies))  # last: a folder that has it is whole


def is_made(survey: str, mixed: str, truth: pd.DataFrame, paths: dict[str, Path], kept: int, copies: int) -> bool:
    """Whether `mix` has been called with just these; raises ValueError if it was with others, for its folds then mean others."""
    path = input_dir() / mixed / KEY_FILE
    if not path.exists():
        return False
    if json.loads(path.read_text()) != _key(survey, truth, paths, kept, copies):
        raise ValueError(
            f"{path.parent}: is made of other photos or numbers; say --alone, or another --dataset, or delete it and its runs"
        )
    return True


def _key(survey: str, truth: pd.DataFrame, paths: dict[str, Path], kept: int, copies: int) -> dict:
    real = {image: sha256(paths[image]) for image in truth["Image"]}
    told = hashlib.sha256(text(truth).encode()).hexdigest()
    return {"survey": survey, "kept": kept, "copies": copies, "real": real, "truth": told}
