"""How fast, how large, how exact is a catalogue's search? On made-up animals whose cosines follow a real model's embeddings.

    P="runs/right_whale_heads/arcface_lite0/fold0/predictions.npz --table input/right_whale_heads/train.csv"
    python benchmarks/catalogue_speed.py $P --probe 0.25 0.35 0.45 0.6
    python benchmarks/catalogue_speed.py $P --animals 2000 --queries 200 index.above=5000           (a trial)
    python benchmarks/catalogue_speed.py $P storage=float16 index.energy=0.9 index.candidates=4096

By default 100,000 animals with 10 photos each, all done by one thread. key=value are the catalogue's own (catalogue/config.py).
Recall@10 is the share of the ten nearest photos, and of the ten best animals, of exact search that search by the index finds. As
`search` does it asks for as many animals as get a probability (calibration.candidates). Each photo of an animal has another
place; filters that leave one place, and half of them, are measured as well.
Work files (about 3 times the vectors) lie under --work and are deleted.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from catalogue_vectors import QUANTILES, Population, cosines, fit
from numpy.typing import NDArray

from whichwhale.catalogue import editing, incoming
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.config import CatalogueConfig
from whichwhale.catalogue.gallery import Gallery, read
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.search import Searcher
from whichwhale.config import load

BLOCK = 1000  # animals made at a time
TOP = 10
FEW = 100  # queries behind filters


@contextmanager
def timed(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"{what:<46} {time.perf_counter() - start:10.2f} s   peak memory so far {peak():7.0f} MB", flush=True)


def peak() -> float:
    """Largest resident memory of the process so far, MB; memory-mapped pages that were looked at count."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def measured(path: Path, table: Path) -> Population:
    """The population like a predictions.npz; prints how well its cosines follow."""
    real = incoming.of_file(path, ("train", "validation")).labelled(tables.read_labels(table), str(table))
    animal = real.table["animal"].to_numpy(str)
    asked = (real.table["learned"] == "no").to_numpy()
    asked = asked if asked.any() else np.ones(len(real), bool)
    within, between = cosines(real.vectors, animal, asked & (animal != ""))
    population = fit(real.vectors, within, between)
    made = population.photos_of(7, np.arange(BLOCK), 0, 4)
    made_within, made_between = cosines(made, np.repeat(np.arange(BLOCK), 4), np.arange(len(made)) % 8 == 0)
    print(f"{path}: {len(real)} photos of {len(set(animal))} animals, {int(asked.sum())} asked; {real.model.dims} dimensions")
    print(f"{'cosines':<26}" + "".join(f"{q:>8.0%}" for q in QUANTILES) + f"{'99.9%':>8}")
    rows = {"within, real": within, "within, made up": made_within, "between, real": between, "between, made up": made_between}
    for name, values in rows.items():
        print(f"{name:<26}" + "".join(f"{value:8.3f}" for value in np.quantile(values, [*QUANTILES, 0.999])))
    return population


def gallery_of(population: Population, animals: int, photos: int, work: Path) -> Incoming:
    """The catalogue's photos, their vectors memory-mapped."""
    dims = len(population.mean)
    vectors = np.lib.format.open_memmap(work / "vectors.npy", "w+", np.float32, (animals * photos, dims))
    for start in range(0, animals, BLOCK):
        some = np.arange(start, min(start + BLOCK, animals))
        vectors[start * photos : (start + len(some)) * photos] = population.photos_of(0, some, 0, photos)
    vectors.flush()
    number = np.repeat(np.arange(animals), photos)
    photo = [f"{n}_{k}.jpg" for n in range(animals) for k in range(photos)]
    place = np.tile(np.arange(photos), animals).astype(str)
    table = pd.DataFrame({"photo": photo, "animal": number.astype(str), "place": place}, dtype="str")
    mapped = np.load(work / "vectors.npy", mmap_mode="r")
    return Incoming(table, mapped, incoming.Model(weights_sha="made up", dims=dims))


def new_photos(population: Population, animals: int, photos: int, count: int) -> NDArray[np.float32]:
    """Photos of `count` animals of the catalogue that it has not, unit vectors [count, D]."""
    chosen = np.sort(np.random.default_rng(1).choice(animals, count, replace=False))
    found = []
    for start in np.unique(chosen // BLOCK) * BLOCK:
        some = np.arange(start, min(start + BLOCK, animals))
        found.append(population.photos_of(0, some, photos, 1)[chosen[(chosen >= start) & (chosen < start + BLOCK)] - start])
    return np.concatenate(found)


def exact_photos(gallery: Gallery, queries: NDArray[np.float32]) -> NDArray[np.int64]:
    """Rows [Q, TOP] of the nearest photos."""
    best, rows = np.full((len(queries), TOP), -2.0, np.float32), np.zeros((len(queries), TOP), np.int64)
    for part, vectors in gallery.blocks():
        table = queries @ vectors.T
        near = np.argpartition(-table, min(TOP, table.shape[1] - 1), axis=1)[:, :TOP]
        both = np.concatenate([best, np.take_along_axis(table, near, 1)], 1)
        place = np.argpartition(-both, TOP - 1, axis=1)[:, :TOP]
        best, rows = (
            np.take_along_axis(both, place, 1),
            np.take_along_axis(np.concatenate([rows, near + part.start], 1), place, 1),
        )
    return rows


def searched(gallery: Gallery, queries: NDArray[np.float32], probes: list[float]) -> None:
    """Print recall and times of the index against exact search, for each share of the cells that a search looks into."""
    asked = [query[None] for query in queries]
    with timed(f"exact search, {len(queries)} queries together"):
        exact = Searcher(gallery, exact=True).rank(asked, TOP)
    near = exact_photos(gallery, queries)
    with timed("opening for search by the index"):
        searcher = Searcher(gallery)
        searcher.rank(asked[:1], TOP)
    if searcher.index is None:
        print("no index at this size: see index.above")
        return
    config, count = gallery.manifest.config.index, max(TOP, gallery.manifest.config.calibration.candidates)
    head = f"{'index.probe':>22}  recall@{TOP}: photos  animals"
    print(f"{head}   ms a query, one thread: processor  mean  median  95 %  slowest")
    for probe in probes or [config.probe]:
        searcher.index = replace(searcher.index, config=config.model_copy(update={"probe": probe}))
        proposed = [searcher.index.near(query, config.fetch)[0] for query in queries]
        photos = np.mean([len(np.intersect1d(rows, wanted)) / TOP for rows, wanted in zip(proposed, near, strict=True)])
        taken, shared, processor = [], [], time.process_time()
        for query, wanted in zip(asked, exact, strict=True):
            start = time.perf_counter()
            (found,) = searcher.rank([query], count)
            taken.append(1000 * (time.perf_counter() - start))
            shared.append(len(np.intersect1d(found.animal[:TOP], wanted.animal)) / len(wanted))
        busy = 1000 * (time.process_time() - processor) / len(asked)  # what a machine that does nothing else would take
        middle, high, most = np.quantile(taken, [0.5, 0.95, 1])
        recalls = f"{probe:>22} {photos:>18.4f} {np.mean(shared):>8.4f}"
        print(f"{recalls} {busy:>35.2f} {np.mean(taken):>5.2f} {middle:>7.2f} {high:>5.2f} {most:>8.2f}", flush=True)


def filtered(gallery: Gallery, queries: NDArray[np.float32], condition: str) -> None:
    """Print recall and times of search behind a filter, as `search` does it, against exact search."""
    asked, count = [query[None] for query in queries], max(TOP, gallery.manifest.config.calibration.candidates)
    exact = Searcher(gallery, [condition], exact=True).rank(asked, TOP)
    searcher, taken, shared = Searcher(gallery, [condition]), [], []
    searcher.rank(asked[:1], count)
    for query, wanted in zip(asked, exact, strict=True):
        start = time.perf_counter()
        (found,) = searcher.rank([query], count)
        taken.append(1000 * (time.perf_counter() - start))
        shared.append(len(np.intersect1d(found.animal[:TOP], wanted.animal)) / len(wanted))
    how = "exact" if searcher.index is None else "by the index"
    print(
        f"behind {condition}, {len(searcher.rows)} photos, {how}: recall@{TOP} of animals {np.mean(shared):.4f}, "
        f"{np.mean(taken):.1f} ms a query, asked one by one"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictions", type=Path, help="a real model's predictions.npz, whose cosines are followed")
    parser.add_argument("--table", type=Path, required=True, help="whom its photos show: Image, whaleID")
    parser.add_argument("--animals", type=int, default=100_000)
    parser.add_argument("--photos", type=int, default=10, help="of each animal")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--probe", type=float, nargs="+", default=[], help="try these index.probe on the one index")
    parser.add_argument("--work", type=Path, help="where work files go (a temporary folder)")
    options, overrides = parser.parse_known_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":  # numpy reads it when it is imported, so the script starts itself again
        os.environ |= dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
        os.execv(sys.executable, [sys.executable, *sys.argv])
    try:
        config = load(CatalogueConfig, None, overrides)
        population = measured(options.predictions, options.table)
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    work = Path(tempfile.mkdtemp(prefix="catalogue_speed_", dir=options.work))
    try:
        with timed(f"making {options.animals} x {options.photos} vectors up"):
            photos = gallery_of(population, options.animals, options.photos, work)
        with timed("build, with the index"):
            editing.build(work / "whales", photos, config)
        files = {path.name: path.stat().st_size / 1e6 for path in sorted((work / "whales").iterdir())}
        print("on disk: " + ", ".join(f"{name} {size:.0f} MB" for name, size in files.items() if size >= 0.5))
        with timed("opening"):
            gallery = read(work / "whales")
        queries = new_photos(population, options.animals, options.photos, min(options.queries, options.animals))
        searched(gallery, queries, options.probe)
        for places in (1, max(1, options.photos // 2)):
            filtered(gallery, queries[:FEW], "place=" + "|".join(map(str, range(places))))
        one = Incoming(
            pd.DataFrame({"photo": ["new.jpg"], "animal": ["new"]}, dtype="str"),
            population.directions(np.random.default_rng(5), 1),
            photos.model,
        )
        with timed("adding an animal"):
            gallery, _ = editing.add(work / "whales", one)
        with timed("opening and finding it"):
            gallery = read(work / "whales")
            (found,) = Searcher(gallery).rank([one.vectors], 1)
        print(f"found: {gallery.animals[found.animal[0]]}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
