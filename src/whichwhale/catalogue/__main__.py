"""`python -m whichwhale.catalogue`: a catalogue of known animals, one photo each at worst, that grows without retraining."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from whichwhale.catalogue import (
    asking,
    bands,
    describing,
    doubles,
    editing,
    fitting,
    generations,
    judging,
    reliability,
    trials,
    trust,
)
from whichwhale.catalogue import gallery as galleries
from whichwhale.catalogue import incoming as coming
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.config import CatalogueConfig
from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.filters import matching
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.given import add_source, ended, incoming_of
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.lock import refuse_unwritable, writing
from whichwhale.catalogue.manifest import Model
from whichwhale.command_line import carried_out, parsed, parser_of
from whichwhale.config import load
from whichwhale.files import write_atomically

FIT = "runs/right_whale_heads/arcface_lite0"
EXAMPLES = (
    {
        "build": f"""  python -m whichwhale.catalogue build whales --vectors {FIT}/fold0/predictions.npz --table train.csv
  python -m whichwhale.catalogue build whales photos/ --model {FIT}/foldall --table photos.csv storage=float16 pool.kind=max""",
        "add": f"  python -m whichwhale.catalogue add whales new.jpg --model {FIT}/foldall --animal Punctuation",
        "embed": f"  python -m whichwhale.catalogue embed photos/ --model {FIT}/fold0 --table photos.csv --out vectors.npz",
        "remove": "  python -m whichwhale.catalogue remove whales --photos blurred.jpg --animals 1234 1250",
        "merge": "  python -m whichwhale.catalogue merge whales 1234 1250 --into 1234",
        "split": """  python -m whichwhale.catalogue split whales 1234 --photos a.jpg b.jpg --to 1301
  python -m whichwhale.catalogue split whales 1234 --where was=1250 --to 1250    # takes a merge back""",
        "set": """  python -m whichwhale.catalogue set whales status=approved date=2015-08-07 --photos a.jpg b.jpg
  python -m whichwhale.catalogue set whales status=approved --where status=unchecked place=Fundy
  python -m whichwhale.catalogue set whales --table photos.csv""",
        "list": "  python -m whichwhale.catalogue list whales --where place=Fundy --animals",
        "calibrate": "  python -m whichwhale.catalogue calibrate whales --queries held_out.npz --query-table held_out.csv",
    }
    | asking.EXAMPLES
    | judging.EXAMPLES
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0, 1 if some photos could not be used, or 2 after one message on stderr."""
    options = parsed(_parser(), arguments, "sources")  # photos and key=value
    return carried_out(options.run, options)


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    every = "examples:\n" + "\n".join(EXAMPLES.values())
    parser = parser_of("python -m whichwhale.catalogue", __doc__, every)
    commands = parser.add_subparsers(dest="command", required=True)

    def bare(name: str, run: Callable[[argparse.Namespace], int | None], about: str) -> argparse.ArgumentParser:
        one = commands.add_parser(
            name, help=about, description=about, epilog=f"examples:\n{EXAMPLES[name]}", formatter_class=form
        )
        one.set_defaults(run=run)
        return one

    def command(name: str, run: Callable[[argparse.Namespace], int | None], about: str) -> argparse.ArgumentParser:
        one = bare(name, run, about)
        one.add_argument("catalogue", type=Path, help="folder of the catalogue")
        return one

    building = command("build", _build, "make a catalogue, and fit its probabilities")
    adding = command("add", _add, "add photos, of known animals or of new ones")
    for one in (building, adding):
        add_source(one)
        one.add_argument("--table", type=Path, metavar="CSV", help="photo (or Image), animal (or whaleID), and any other columns")
        one.add_argument("--animal", help="whom all these photos show")
        one.add_argument("--keep-doubles", action="store_true", help="take in pictures that are there under two names")
    _add_queries(building)
    embedding = bare("embed", _embed, "vectors of photos into an .npz, for --queries, verify, novelty, one-shot, fuse")
    embedding.add_argument("sources", nargs="+", metavar="PHOTO", help="photos and folders of photos")
    embedding.add_argument("--model", type=Path, required=True, help="run folder of one fit, which embeds them")
    embedding.add_argument(
        "--out", type=Path, required=True, metavar="NPZ", help="vectors, photo, model, and what is known of them"
    )
    embedding.add_argument(
        "--table", type=Path, metavar="CSV", help="photo (or Image), animal (or whaleID), and any other columns"
    )
    removing = command("remove", _remove, "take out photos, or animals with all of theirs")
    removing.add_argument("--photos", nargs="+", default=[], metavar="PHOTO")
    removing.add_argument("--animals", nargs="+", default=[], metavar="ANIMAL")
    asking.add_command(command)
    merging = command("merge", _merge, "several animals are one; also renames one")
    merging.add_argument("animals", nargs="+", metavar="ANIMAL")
    merging.add_argument("--into", required=True, metavar="ANIMAL")
    splitting = command("split", _split, "some photos of an animal show another one")
    splitting.add_argument("animal")
    splitting.add_argument("--photos", nargs="+", default=[], metavar="PHOTO")
    splitting.add_argument(
        "--where", nargs="+", default=[], metavar="COLUMN=VALUE", help="of its photos these; also a|b, from..to"
    )
    splitting.add_argument("--to", required=True, metavar="ANIMAL")
    setting = command("set", _set, "change what is known of photos: status, date, place, encounter, any column")
    setting.add_argument("known", nargs="*", metavar="COLUMN=VALUE", help="what is known of them; nothing, if VALUE is empty")
    setting.add_argument("--photos", nargs="+", default=[], metavar="PHOTO", help="of these photos")
    setting.add_argument("--animals", nargs="+", default=[], metavar="ANIMAL", help="of all photos of these animals")
    setting.add_argument(
        "--where", nargs="+", default=[], metavar="COLUMN=VALUE", help="of these photos only; also a|b, from..to"
    )
    setting.add_argument("--table", type=Path, metavar="CSV", help="instead: of each photo (or Image) what its row says")
    listing = command("list", _list, "what is in it")
    listing.add_argument("--where", nargs="+", default=[], metavar="COLUMN=VALUE", help="these photos only; also a|b, from..to")
    listing.add_argument("--animals", action="store_true", help="a line an animal")
    listing.add_argument("--csv", type=Path, help="write the table here")
    calibrating = command("calibrate", _calibrate, "fit the probabilities anew, and say how far they can be trusted")
    _add_queries(calibrating)
    judging.add_commands(bare)
    return parser


def _add_queries(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--queries", type=Path, metavar="NPZ", help="held-out vectors to fit the probabilities on, not the catalogue's own"
    )
    parser.add_argument(
        "--errors", type=float, nargs=2, metavar=("AUTO", "NEW"),
        help="share of wrong names in the band auto, of known animals in the band new (default: as before; at first 0.05 0.05)",
    )  # fmt: skip
    parser.add_argument("--query-table", type=Path, metavar="CSV", help="whom they show: photo, animal")


def _labelled(options: argparse.Namespace, incoming: Incoming, known: pd.Index | None = None) -> Incoming:
    """With what the table says; `known` are the catalogue's photos."""
    if options.table is not None:
        incoming = incoming.labelled(tables.read_labels(options.table), str(options.table), known)
    if options.animal is not None:
        incoming = incoming.labelled(incoming.table[["photo"]].assign(animal=options.animal), "--animal")
    return incoming


def _named(
    options: argparse.Namespace, incoming: Incoming, known: pd.Index | None = None
) -> tuple[Incoming, list[str], list[str]]:
    """The photos whose animal is known, with what the table says; those that nobody names, a line; and a line of rows whose
    photos are neither here nor `known`, which is no failure: a table may be of more than what is to go in. Nor has one to name
    all that a run predicted."""
    incoming, failed, told = _labelled(options, incoming, known), [], []
    if options.table is not None:
        rows = tables.read_labels(options.table)["photo"]
        rows = rows[tables.places(rows, pd.Index(incoming.table["photo"]), known) < 0]
        if nowhere := sorted(rows if known is None else rows[~rows.isin(known)]):
            told.append(f"{options.table}: {len(nowhere)} rows are of photos that are not here: {listed(nowhere)}")
    named = (incoming.table["animal"] != "").to_numpy() if "animal" in incoming.table.columns else np.zeros(len(incoming), bool)
    if named.any() and not named.all():
        nobody = incoming.table["photo"][~named].tolist()
        line = f"{len(nobody)} photos of which nobody says which animal they show: {listed(nobody)}"
        (told if incoming.of_run else failed).append(line)
        incoming = incoming.only(named)
    return incoming, failed, told


def _build(options: argparse.Namespace) -> int:
    overrides = [one for one in options.sources if re.match(r"[\w.]+=", one) and not Path(one).exists()]
    config = load(CatalogueConfig, None, overrides)
    editing.refuse_built(options.catalogue)
    refuse_unwritable(options.catalogue)
    errors = _errors(options)
    if options.table is not None:
        tables.read_labels(options.table)  # refused now, not when thousands of photos are embedded
    incoming, failed = incoming_of(options, [one for one in options.sources if one not in overrides])
    held_out = _held_out(options, incoming.model, str(options.catalogue))
    named, nameless, beside = _named(options, incoming)
    gallery, told = editing.build(options.catalogue, named, config, options.keep_doubles)
    print("\n".join([*told, f"{options.catalogue}: {len(gallery)} photos of {len(gallery.animals)} animals"]))
    _calibrated(gallery, held_out, errors)
    return ended([*failed, *nameless], beside)


def _add(options: argparse.Namespace) -> int:
    before = galleries.read(options.catalogue)
    refuse_unwritable(options.catalogue)
    if options.table is not None:
        tables.read_labels(options.table)
    if options.vectors is None and options.sources:
        photos = coming.photos_in(options.sources)
        bare = Incoming(photos, np.zeros((len(photos), 0), np.float32), before.manifest.model)
        with suppress(CatalogueError):  # rows for photos by longer names alone, or none at all, which is told next
            photos = _labelled(options, bare, before.photos).table
        doubles.refuse_contradictions(photos, before, options.keep_doubles)
    incoming, failed = incoming_of(options, options.sources, (before.manifest.model, str(options.catalogue)))
    coming.refuse_other_model(incoming.model, before.manifest.model, str(options.catalogue))
    incoming = doubles.told_from_others(incoming, before)  # a row of the table by the short name is the other photo's
    named, nameless, beside = _named(options, incoming, before.photos)
    gallery, told = editing.add(options.catalogue, named, options.keep_doubles)
    added = f"added {len(gallery) - len(before)}"
    print("\n".join([*told, f"{added}: now {len(gallery)} photos of {len(gallery.animals)} animals"]))
    return ended([*failed, *nameless], beside)


def _embed(options: argparse.Namespace) -> int:
    incoming, failed = coming.of_photos(options.sources, options.model)
    labelled = incoming
    if options.table is not None:
        labelled = incoming.labelled(tables.read_labels(options.table), str(options.table))
    coming.write(options.out, labelled)
    written = f"{options.out}: {len(labelled)} photos' vectors of {labelled.model.dims} dimensions written"
    print("\n".join([*labelled.told, written]))
    if "learned" not in labelled.table.columns or (labelled.table["learned"] == "").any():
        print("Which photos the model learned from is not known of all of them.")
    return ended(failed)


def _remove(options: argparse.Namespace) -> None:
    if not options.photos and not options.animals:
        raise CatalogueError("say what to remove: --photos or --animals")
    print("\n".join(editing.remove(options.catalogue, options.photos, options.animals)[1]))


def _merge(options: argparse.Namespace) -> None:
    print("\n".join(editing.merge(options.catalogue, options.animals, options.into)[1]))


def _split(options: argparse.Namespace) -> None:
    if not options.photos and not options.where:
        raise CatalogueError("say of which photos: --photos or --where")
    print("\n".join(editing.split(options.catalogue, options.animal, options.photos, options.to, options.where)[1]))


def _set(options: argparse.Namespace) -> None:
    if options.table is not None:
        if options.known or options.photos or options.animals or options.where:
            raise CatalogueError("--table says of which photos what is known; leave COLUMN=VALUE and the other options out")
        told = describing.describe_by(options.catalogue, tables.read_labels(options.table), str(options.table))[1]
    else:
        pairs = [one.partition("=") for one in options.known]
        if wrong := [
            one for one, (column, equals, _) in zip(options.known, pairs, strict=True) if not (equals and column.strip())
        ]:
            raise CatalogueError(f"{wrong[0]!r}: what is known is column=value, such as status=approved")
        if not (options.photos or options.animals or options.where):
            raise CatalogueError("say of which photos: --photos, --animals or --where")
        known = {column.strip(): value for column, _, value in pairs}
        told = describing.describe(options.catalogue, known, options.photos, options.animals, options.where)[1]
    print("\n".join(told))


def _held_out(options: argparse.Namespace, model: Model, where: str) -> Incoming | None:
    if options.queries is None:
        return None
    queries = coming.of_file(options.queries)
    coming.refuse_other_model(queries.model, model, where)
    if options.query_table is not None:
        queries = queries.labelled(tables.read_labels(options.query_table), str(options.query_table))
    return trials.not_learned(queries, str(options.queries))


def _calibrate(options: argparse.Namespace) -> None:
    gallery = galleries.read(options.catalogue)
    refuse_unwritable(options.catalogue)
    _calibrated(gallery, _held_out(options, gallery.manifest.model, str(options.catalogue)), _errors(options))


def _errors(options: argparse.Namespace) -> tuple[float, float] | None:
    return None if options.errors is None else bands.check(options.errors)


def _calibrated(gallery: Gallery, held_out: Incoming | None, errors: tuple[float, float] | None) -> None:
    """Fit, write, and tell how reliable it is."""
    if held_out is not None and (told := [*coming.unchecked(held_out.model), *held_out.told]):
        print("\n".join(f"queries: {line}" for line in told))
    fitted, cohort, why_not = fitting.calibrate(gallery, held_out, errors)
    with writing(gallery.folder, "calibrate"):
        now = galleries.read(gallery.folder)
        if fitted is None and now.manifest.calibration is not None:
            raise CatalogueError(f"{gallery.folder}: no other probabilities, those that are there stay: {why_not}")
        generations.with_calibration(now, fitted, cohort, why_not)
    if fitted is None:
        print(f"no probabilities: {why_not}")
        return
    print(f"probabilities fitted on {fitted.queries} queries; judged by fits that did not see the animal:")
    print(reliability.table(fitted.reliability))
    if fitted.bands:
        print(bands.text(fitted.bands))
    if doubt := trust.too_sure(fitted):
        print(doubt)


def _list(options: argparse.Namespace) -> None:
    gallery = galleries.read(options.catalogue)
    manifest = gallery.manifest
    table = gallery.table[matching(gallery.table, options.where)]
    if options.where and not len(table):
        raise CatalogueError(
            f"{options.catalogue}: no photo meets {' and '.join(options.where)}; `list` shows the columns' values"
        )
    print(f"{options.catalogue}: {len(table)} photos of {table['animal'].nunique()} animals, generation {manifest.generation}")
    print(f"vectors: {manifest.model.dims} x {manifest.config.storage}, of model {manifest.model.weights_sha[:16]}")
    index = "exact" if manifest.index is None else f"approximate, {manifest.index.rows} photos in the index"
    print(f"search: {index}; photos of an animal pooled by {manifest.config.pool.kind}")
    fitted = manifest.calibration
    if outgrown := trust.out_of_date(gallery):
        print(outgrown)
    if fitted is not None:
        print(f"probabilities: fitted on {fitted.queries} queries, with {fitted.photos} photos of {fitted.animals} animals in it")
    for name in table.columns.drop([tables.KEY, "photo", "animal", "path", "photo_sha"], errors="ignore"):
        counts = table[name].value_counts()
        shown = ", ".join(f"{value or '(empty)'} {count}" for value, count in counts.head(6).items())
        print(f"column {name}: {shown}{' …' if len(counts) > 6 else ''}")
    if options.animals:
        counts = table["animal"].value_counts().sort_index()
        print("\n".join(f"{animal}  {count}" for animal, count in counts.items()))
    if options.csv:
        content = tables.to_csv(table.drop(columns=tables.KEY))  # so that `set --table` takes it again
        write_atomically(options.csv, lambda stream: stream.write(content) and None)


if __name__ == "__main__":
    sys.exit(main())
