"""`python -m whichwhale.catalogue`: a catalogue of known animals, one photo each at worst, that grows without retraining."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from whichwhale.catalogue import answers as answering
from whichwhale.catalogue import bands, editing, fitting, generations, judging, reliability, trials, trust
from whichwhale.catalogue import gallery as galleries
from whichwhale.catalogue import incoming as coming
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.answers import Answer
from whichwhale.catalogue.config import CatalogueConfig
from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.filters import matching
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.lock import writing
from whichwhale.catalogue.manifest import Model
from whichwhale.catalogue.search import Searcher
from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import load
from whichwhale.files import write_atomically, write_json
from whichwhale.predictions import ROLE_NAMES

FIT = "runs/heads/arcface"
EXAMPLES = {
    "build": f"""  python -m whichwhale.catalogue build whales --vectors {FIT}/fold0/predictions.npz --table train.csv
  python -m whichwhale.catalogue build whales photos/ --model {FIT}/foldall --table photos.csv storage=float16 pool.kind=max""",
    "add": f"  python -m whichwhale.catalogue add whales new.jpg --model {FIT}/foldall --animal Punctuation",
    "embed": f"  python -m whichwhale.catalogue embed photos/ --model {FIT}/fold0 --table photos.csv --out vectors.npz",
    "remove": "  python -m whichwhale.catalogue remove whales --photos blurred.jpg --animals 1234 1250",
    "search": f"""  python -m whichwhale.catalogue search whales photo.jpg --model {FIT}/foldall --new-rate 0.05 --evidence seen/
  python -m whichwhale.catalogue search whales a.jpg b.jpg --encounter --model {FIT}/foldall --where status=approved
  python -m whichwhale.catalogue search whales --vectors {FIT}/fold0/predictions.npz --roles test --top5 answers.csv""",
    "merge": "  python -m whichwhale.catalogue merge whales 1234 1250 --into 1234",
    "split": "  python -m whichwhale.catalogue split whales 1234 --photos a.jpg b.jpg --to 1301",
    "list": "  python -m whichwhale.catalogue list whales --where place=Fundy --animals",
    "calibrate": "  python -m whichwhale.catalogue calibrate whales --queries held_out.npz --query-table held_out.csv",
} | judging.EXAMPLES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0, 1 if some photos could not be used, or 2 after one message on stderr."""
    parser = _parser()
    options, more = parser.parse_known_args(arguments)
    if more and ("sources" not in options or any(one.startswith("-") for one in more)):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if more:  # photos and key=value that stand behind an option
        options.sources += more
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
        _add_source(one)
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
    searching = command("search", _search, "say who it is")
    _add_source(searching)
    searching.add_argument(
        "--new-rate", type=float, default=0.1, help="share of strangers among such photos (default %(default)s)"
    )
    searching.add_argument("--top", type=int, default=5, help="animals to name (default %(default)s)")
    searching.add_argument("--encounter", action="store_true", help="all photos show one animal")
    searching.add_argument(
        "--where", nargs="+", default=[], metavar="COLUMN=VALUE", help="search these photos only; also a|b, from..to"
    )
    searching.add_argument("--exact", action="store_true", help="don't ask the approximate index")
    searching.add_argument("--json", type=Path, help="write the answers here")
    searching.add_argument(
        "--top5", type=Path, metavar="CSV", help="write Image,Id with five guesses a photo here (gzipped if .gz)"
    )
    searching.add_argument(
        "--evidence", type=Path, metavar="FOLDER", help="write a PNG an answer: both passports, where they agree"
    )
    searching.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="where photos lie, if the catalogue doesn't know (for --evidence)"
    )
    merging = command("merge", _merge, "several animals are one; also renames one")
    merging.add_argument("animals", nargs="+", metavar="ANIMAL")
    merging.add_argument("--into", required=True, metavar="ANIMAL")
    splitting = command("split", _split, "some photos of an animal show another one")
    splitting.add_argument("animal")
    splitting.add_argument("--photos", nargs="+", required=True, metavar="PHOTO")
    splitting.add_argument("--to", required=True, metavar="ANIMAL")
    listing = command("list", _list, "what is in it")
    listing.add_argument("--where", nargs="+", default=[], metavar="COLUMN=VALUE", help="these photos only; also a|b, from..to")
    listing.add_argument("--animals", action="store_true", help="a line an animal")
    listing.add_argument("--csv", type=Path, help="write the table here")
    calibrating = command("calibrate", _calibrate, "fit the probabilities anew, and say how far they can be trusted")
    _add_queries(calibrating)
    judging.add_commands(bare)
    return parser


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sources", nargs="*", metavar="PHOTO", help="photos and folders of photos; build takes key=value as well")
    parser.add_argument("--model", type=Path, help="run folder of one fit, which embeds the photos")
    parser.add_argument(
        "--vectors", type=Path, metavar="NPZ", help="instead: a predictions.npz, or an .npz with vectors, photo and model"
    )
    parser.add_argument(
        "--roles", nargs="+", default=list(ROLE_NAMES), choices=ROLE_NAMES, help="rows of a predictions.npz to take"
    )


def _add_queries(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--queries", type=Path, metavar="NPZ", help="held-out vectors to fit the probabilities on, not the catalogue's own"
    )
    parser.add_argument(
        "--errors", type=float, nargs=2, metavar=("AUTO", "NEW"),
        help="share of wrong names in the band auto, of known animals in the band new (default: as before; at first 0.05 0.05)",
    )  # fmt: skip
    parser.add_argument("--query-table", type=Path, metavar="CSV", help="whom they show: photo, animal")


def _incoming(options: argparse.Namespace, sources: Sequence[str]) -> tuple[Incoming, list[str]]:
    """What the command line names, and what could not be read."""
    if options.vectors is not None:
        if sources or options.model:
            raise CatalogueError("give either photos and --model, or --vectors, not both")
        return coming.of_file(options.vectors, options.roles), []
    if not sources:
        raise CatalogueError("name photos and a --model that embeds them, or --vectors")
    if options.model is None:
        raise CatalogueError(
            "photos need a --model that embeds them, the run folder of one fit, such as runs/<dataset>/<model>/foldall"
        )
    return coming.of_photos(sources, options.model)


def _labelled(options: argparse.Namespace, incoming: Incoming) -> Incoming:
    """With what the table says."""
    if options.table is not None:
        incoming = incoming.labelled(tables.read_labels(options.table), str(options.table))
    if options.animal is not None:
        incoming = incoming.labelled(incoming.table[["photo"]].assign(animal=options.animal), "--animal")
    return incoming


def _named(options: argparse.Namespace, incoming: Incoming, known: Collection[str] = ()) -> tuple[Incoming, list[str], list[str]]:
    """The photos whose animal is known, with what the table says; those that nobody names, a line; and a line of rows whose
    photos are neither here nor `known`, which is no failure: a table may be of more than what is to go in. Nor has one to name
    all that a run predicted."""
    incoming, failed, told = _labelled(options, incoming), [], []
    if options.table is not None:
        rows = set(tables.read_labels(options.table)["photo"])
        if nowhere := sorted(rows - set(incoming.table["photo"]) - set(known)):
            told.append(f"{options.table}: {len(nowhere)} rows are of photos that are not here: {listed(nowhere)}")
    named = (incoming.table["animal"] != "").to_numpy() if "animal" in incoming.table.columns else np.zeros(len(incoming), bool)
    if named.any() and not named.all():
        nobody = incoming.table["photo"][~named].tolist()
        line = f"{len(nobody)} photos of which nobody says which animal they show: {listed(nobody)}"
        (told if incoming.of_run else failed).append(line)
        incoming = incoming.only(named)
    return incoming, failed, told


def _ended(failed: Sequence[str], told: Sequence[str] = ()) -> int:
    """The exit code; what is `told` beside what failed is no failure."""
    for problem in [*failed, *told]:
        print(f"left out: {problem}", file=sys.stderr)
    return 1 if failed else 0


def _build(options: argparse.Namespace) -> int:
    overrides = [one for one in options.sources if re.match(r"[\w.]+=", one) and not Path(one).exists()]
    config = load(CatalogueConfig, None, overrides)
    incoming, failed = _incoming(options, [one for one in options.sources if one not in overrides])
    held_out = _held_out(options, incoming.model, str(options.catalogue))
    errors = _errors(options)
    named, nameless, beside = _named(options, incoming)
    gallery, told = editing.build(options.catalogue, named, config, options.keep_doubles)
    print("\n".join([*told, f"{options.catalogue}: {len(gallery)} photos of {len(gallery.animals)} animals"]))
    _calibrated(gallery, held_out, errors)
    return _ended([*failed, *nameless], beside)


def _add(options: argparse.Namespace) -> int:
    incoming, failed = _incoming(options, options.sources)
    before = galleries.read(options.catalogue)
    named, nameless, beside = _named(options, incoming, before.photos)
    gallery, told = editing.add(options.catalogue, named, options.keep_doubles)
    added = f"added {len(gallery) - len(before)}"
    print("\n".join([*told, f"{added}: now {len(gallery)} photos of {len(gallery.animals)} animals"]))
    return _ended([*failed, *nameless], beside)


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
    return _ended(failed)


def _remove(options: argparse.Namespace) -> None:
    if not options.photos and not options.animals:
        raise CatalogueError("say what to remove: --photos or --animals")
    print("\n".join(editing.remove(options.catalogue, options.photos, options.animals)[1]))


def _merge(options: argparse.Namespace) -> None:
    print("\n".join(editing.merge(options.catalogue, options.animals, options.into)[1]))


def _split(options: argparse.Namespace) -> None:
    print("\n".join(editing.split(options.catalogue, options.animal, options.photos, options.to)[1]))


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


def _search(options: argparse.Namespace) -> int:
    gallery = galleries.read(options.catalogue)
    searcher = Searcher(gallery, options.where, options.exact)
    incoming, failed = _incoming(options, options.sources)
    coming.refuse_other_model(incoming.model, gallery.manifest.model, str(options.catalogue))
    print("".join(f"{line}\n" for line in coming.unchecked(incoming.model)), end="")
    photos = incoming.table["photo"].tolist()
    if options.encounter:
        names, of, queries = ["encounter"], [photos], [incoming.vectors]
    else:
        names, of, queries = photos, [[photo] for photo in photos], [vector[None] for vector in incoming.vectors]
    if (itself := [photo for photo in photos if photo in gallery.photos]) and set(itself) & set(
        gallery.table["photo"][searcher.rows]
    ):
        print(f"{len(itself)} of the photos are in the catalogue themselves, such as {itself[0]}, and find themselves")
    found = answering.answer(searcher, names, of, queries, options.new_rate, options.top)
    if outgrown := trust.out_of_date(gallery):
        print(outgrown)
    if gallery.manifest.calibration is not None and gallery.manifest.calibration.bands is None:
        print("no bands auto, review, new: this catalogue was calibrated before there were any; `calibrate` fits them")
    if doubt := trust.too_sure(gallery.manifest.calibration):
        print(doubt)
    if not (options.json or options.top5) or len(found) <= 20:
        print("\n".join(answering.text(one) for one in found))
    if options.json:
        write_json(options.json, answering.as_numbers(found, searcher, options.new_rate))
    if options.top5:
        answering.write_top5(options.top5, found, searcher)
    if options.evidence:
        failed = [*failed, *_evidence(options, gallery, incoming.table, found)]
    return _ended(failed)


def _evidence(options: argparse.Namespace, gallery: Gallery, queries: pd.DataFrame, found: Sequence[Answer]) -> list[str]:
    """Write the pictures; gives those that could not be made."""
    if options.model is None:
        raise CatalogueError("--evidence shows what the network compares, so it needs --model")
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
    if folder is not None and (folder / photo).is_file():
        return folder / photo
    rows = table[table["photo"] == photo]
    known = str(rows["path"].iloc[0]) if "path" in table.columns and len(rows) else ""
    if not known or not Path(known).is_file():
        raise CatalogueError(f"where {photo} lies is not known; name its folder with --photos")
    return Path(known)


def _list(options: argparse.Namespace) -> None:
    gallery = galleries.read(options.catalogue)
    manifest = gallery.manifest
    table = gallery.table[matching(gallery.table, options.where)]
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
        content = tables.to_csv(table)
        write_atomically(options.csv, lambda stream: stream.write(content) and None)


if __name__ == "__main__":
    sys.exit(main())
