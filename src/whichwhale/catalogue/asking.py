"""The command `search`: who is it? Of photos one by one, of all of them together, or of each encounter that a table names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue import answers as answering
from whichwhale.catalogue import gallery as galleries
from whichwhale.catalogue import incoming as coming
from whichwhale.catalogue import table as tables
from whichwhale.catalogue import trust
from whichwhale.catalogue.answers import Answer
from whichwhale.catalogue.doubles import pictures_in
from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.given import add_source, ended, incoming_of
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.search import Searcher
from whichwhale.files import sha256, write_json

FIT = "runs/right_whale_heads/arcface_lite0"
EXAMPLES = {
    "search": f"""  python -m whichwhale.catalogue search whales photo.jpg --model {FIT}/foldall --new-rate 0.05 --evidence seen/
  python -m whichwhale.catalogue search whales a.jpg b.jpg --encounter --model {FIT}/foldall --where status=approved
  python -m whichwhale.catalogue search whales photos/ --model {FIT}/foldall --table photos.csv --json answers.json
  python -m whichwhale.catalogue search whales --vectors {FIT}/fold0/predictions.npz --roles test --top5 answers.csv""",
}
SHOWN = 20  # answers; more of them are printed only if no file is written
Queries = tuple[list[str], list[list[str]], list[NDArray[np.float32]]]  # names, the photos of each, their vectors [m, D]


def add_command(command: Callable[[str, Callable[[argparse.Namespace], int | None], str], argparse.ArgumentParser]) -> None:
    """Add it to the catalogue's door."""
    one = command("search", _search, "say who it is")
    add_source(one)
    one.add_argument("--new-rate", type=float, default=0.1, help="share of strangers among such photos (default %(default)s)")
    one.add_argument("--top", type=int, default=5, help="animals to name (default %(default)s)")
    which = one.add_mutually_exclusive_group()
    which.add_argument("--encounter", action="store_true", help="all photos show one animal")
    which.add_argument(
        "--encounters", action="store_true", help="photos of one encounter, as the .npz of --vectors names them, show one animal"
    )
    which.add_argument(
        "--table", type=Path, metavar="CSV", help="photo (or Image) and encounter: photos of one encounter show one animal"
    )
    one.add_argument(
        "--where", nargs="+", default=[], metavar="COLUMN=VALUE", help="search these photos only; also a|b, from..to"
    )
    one.add_argument("--exact", action="store_true", help="don't ask the approximate index")
    one.add_argument("--json", type=Path, help="write the answers here")
    one.add_argument("--top5", type=Path, metavar="CSV", help="write Image,Id with five guesses a photo here (gzipped if .gz)")
    one.add_argument("--evidence", type=Path, metavar="FOLDER", help="write a PNG an answer: both passports, where they agree")
    one.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="where photos lie, if the catalogue doesn't know (for --evidence)"
    )


def _search(options: argparse.Namespace) -> int:
    gallery = galleries.read(options.catalogue)
    answering.check(gallery, options.new_rate, options.top)  # before thousands of photos are embedded
    if options.evidence and options.model is None:
        raise CatalogueError("--evidence shows what the network compares, so it needs --model, beside --vectors too")
    searcher = Searcher(gallery, options.where, options.exact)
    if options.top5:
        answering.check_top5(options.top5, searcher)
    labels = None if options.table is None else _encounters(options.table)
    incoming, failed = incoming_of(options, options.sources, (gallery.manifest.model, str(options.catalogue)))
    coming.refuse_other_model(incoming.model, gallery.manifest.model, str(options.catalogue))
    print("".join(f"{line}\n" for line in coming.unchecked(incoming.model)), end="")
    photos = incoming.table["photo"].tolist()
    if labels is not None:
        incoming = incoming.labelled(labels, str(options.table))
        if lone := [photo for photo, one in zip(photos, incoming.table["encounter"], strict=True) if not one]:
            print(f"{len(lone)} photos are of no encounter in {options.table} and are asked alone: {listed(lone)}")
    met = "encounter" in incoming.table.columns and (incoming.table["encounter"] != "").any()
    if options.encounters and not met:
        raise CatalogueError(f"{options.vectors or 'photos'}: names no encounters; --table says which photos are of one")
    if met and labels is None and not (options.encounter or options.encounters):
        print("each photo is asked alone, though their encounters are known; --encounters asks the photos of one together")
    names, of, queries = _queries(incoming, options.encounter, labels is not None or options.encounters)
    there = pictures_in(gallery, incoming, searcher.nearest_rows(incoming.vectors))
    if (itself := np.flatnonzero(np.isin(there, searcher.rows))).size:
        first = f"{photos[itself[0]]} ({gallery.table['photo'].iloc[there[itself[0]]]})"
        print(f"{len(itself)} of the photos are in the catalogue themselves, such as {first}, and find themselves")
    found = answering.answer(searcher, names, of, queries, options.new_rate, options.top)
    if outgrown := trust.out_of_date(gallery):
        print(outgrown)
    if gallery.manifest.calibration is not None and gallery.manifest.calibration.bands is None:
        print("no bands auto, review, new: this catalogue was calibrated before there were any; `calibrate` fits them")
    if doubt := trust.too_sure(gallery.manifest.calibration):
        print(doubt)
    if not (options.json or options.top5) or len(found) <= SHOWN:
        print("\n".join(answering.text(one) for one in found))
    if options.json:
        write_json(options.json, answering.as_numbers(found, searcher, options.new_rate))
    if options.top5:
        answering.write_top5(options.top5, found, searcher)
    if options.evidence:
        failed = [*failed, *_evidence(options, gallery, incoming.table, found)]
    return ended(failed)


def _encounters(path: Path) -> pd.DataFrame:
    """The columns photo and encounter of a table."""
    labels = tables.read_labels(path)
    if "encounter" not in labels.columns:
        raise CatalogueError(
            f"{path}: has no column encounter, by which photos are asked together; it has {listed(list(labels.columns), 20)}"
        )
    return labels[["photo", "encounter"]]


def _queries(incoming: Incoming, together: bool, by_encounter: bool) -> Queries:
    """One query of all photos, one an encounter, or one a photo."""
    photos = incoming.table["photo"]
    if together:
        return ["encounter"], [photos.tolist()], [incoming.vectors]
    if not by_encounter:
        return photos.tolist(), [[photo] for photo in photos], [vector[None] for vector in incoming.vectors]
    met = incoming.table["encounter"]
    groups = [rows for _, rows in photos.groupby(met.where(met != "", "\n" + photos), sort=False)]  # no encounter has a break
    names = [str(met[rows.index[0]] or rows.iloc[0]) for rows in groups]
    return names, [rows.tolist() for rows in groups], [incoming.vectors[rows.index] for rows in groups]


def _evidence(options: argparse.Namespace, gallery: Gallery, queries: pd.DataFrame, found: Sequence[Answer]) -> list[str]:
    """Write the pictures; gives those that could not be made."""
    from whichwhale.catalogue import evidence
    from whichwhale.identifier import load as load_identifier

    embedder, failed = load_identifier(options.model).embedder(), []
    for one, name in zip(found, evidence.file_names([one.query for one in found]), strict=True):
        if not one.matches:
            continue
        match = one.matches[0]
        try:
            ours = _path(queries, match.query_photo, options.photos)
            theirs = _path(gallery.table, match.best_photo, options.photos)
            (query, maps), (known, others) = embedder.look(ours), embedder.look(theirs)
        except ValueError as problem:
            failed.append(f"evidence of {one.query}: {problem}")
            continue
        p = "" if match.probability is None else f" {match.probability:.0%}"
        captions = match.query_photo, f"{match.best_photo}: {match.animal}{p}"
        image = evidence.picture(query, known, evidence.cosine_map(maps, others), evidence.cosine_map(others, maps), captions)
        evidence.write(options.evidence / name, image)
        print(f"{options.evidence / name}: written")
    return failed


def _path(table: pd.DataFrame, photo: str, folder: Path | None) -> Path:
    """Where a photo lies: where it lay when it was embedded, else in `folder`. Another picture of that name is refused."""
    rows = table[table["photo"] == photo]
    known, sha = (str(rows[name].iloc[0]) if name in table.columns and len(rows) else "" for name in ("path", "photo_sha"))
    places = [Path(known)] if known else []  # before any folder: cameras give a name to many photos
    places += [folder / photo] if folder is not None else []
    there = [place for place in places if place.is_file()]
    for place in there:
        if not sha or sha256(place) == sha:
            return place
    if there:
        raise CatalogueError(
            f"{there[-1]} is another picture than {photo} of the catalogue; name the folder of that with --photos"
        )
    raise CatalogueError(f"where {photo} lies is not known; name its folder with --photos")
