"""The commands that judge embeddings on animals that no model was trained on: verify, novelty, one-shot, fuse."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from whichwhale.catalogue import answers as answering
from whichwhale.catalogue import fused_search, novelty, one_shot, verifying
from whichwhale.catalogue import gallery as galleries
from whichwhale.catalogue import incoming as coming
from whichwhale.catalogue import parts as fusing
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.filters import matching
from whichwhale.catalogue.held_out import HeldOut
from whichwhale.catalogue.held_out import of_file as held_out_of
from whichwhale.catalogue.incoming import Incoming
from whichwhale.files import write_json
from whichwhale.score import open_set

FIT = "runs/right_whale_heads_disjoint/disjoint"
EXAMPLES = {
    "verify": f"""  python -m whichwhale.catalogue verify --vectors {FIT}/fold0/predictions.npz --table train.csv
  python -m whichwhale.catalogue verify a.jpg b.jpg --model {FIT}/fold0 --prior 0.1
  python -m whichwhale.catalogue verify w_1.jpg w_2.jpg --vectors {FIT}/fold0/predictions.npz""",
    "novelty": f"""  python -m whichwhale.catalogue novelty --vectors {FIT}/fold0/predictions.npz --table train.csv --new-rate 0.3
  python -m whichwhale.catalogue novelty --vectors {FIT}/fold0/predictions.npz --table train.csv truth.csv --trained-gallery""",
    "one-shot": f"""  python -m whichwhale.catalogue one-shot --vectors {FIT}/fold0/predictions.npz --table train.csv --ways 5 20
  python -m whichwhale.catalogue one-shot --vectors frozen.npz triplet.npz arcface.npz --table train.csv --flat""",
    "fuse": """  python -m whichwhale.catalogue fuse --vectors runs/lions/frozen/fold*/predictions.npz --table parts.csv \\
      --asked side=left --among side=right --missing 0 0.3
  python -m whichwhale.catalogue fuse --catalogue lions --vectors new.npz --table new.csv --weights fusion.json""",
}
Command = Callable[[str, Callable[[argparse.Namespace], int | None], str], argparse.ArgumentParser]


def add_commands(command: Command) -> None:
    """Add the commands to the catalogue's door."""
    one = command(
        "verify", _verify, "the probability that two photos show one animal; without photos: fit it, and say how good it is"
    )
    one.add_argument(
        "sources", nargs="*", metavar="PHOTO", help="two photos or more: files for --model, names of rows for --vectors"
    )
    one.add_argument("--model", type=Path, help="run folder of one fit, which embeds the photos")
    _add_vectors(one)
    _add_where(one)
    one.add_argument("--trained-animals", action="store_true", help="go on even if the model was trained on the animals")
    one.add_argument("--prior", type=float, help="share of such pairs that show one animal (default: the fitted one, 0.5)")
    one.add_argument(
        "--calibration",
        type=Path,
        metavar="JSON",
        help=f"the fitted numbers (default: {verifying.FILE} beside --vectors, in --model)",
    )
    one.add_argument("--json", type=Path, help="write the answers here")
    two = command("novelty", _novelty, "how well strangers are told from animals of the catalogue, by several scores")
    _add_vectors(two, tables="+")
    _add_where(two)
    two.add_argument(
        "--trained-gallery", action="store_true", help="ask the photos that the model learned from, by its logits as well"
    )
    two.add_argument("--new-rate", type=float, default=0.3, help="share of strangers (default %(default)s)")
    two.add_argument(
        "--errors", type=float, nargs=2, default=[0.05, 0.05], metavar=("AUTO", "NEW"),
        help="share of wrong names in the band auto, of known animals in the band new (default 0.05 0.05)",
    )  # fmt: skip
    two.add_argument("--json", type=Path, help="write the table here")
    three = command("one-shot", _one_shot, "N-way K-shot accuracy of any number of models' vectors of the same photos")
    _add_vectors(three, vectors="+", tables="+")
    _add_where(three)
    three.add_argument("--names", nargs="+", help="of the files in the table (default: their paths' last parts)")
    three.add_argument("--ways", type=int, nargs="+", default=[5, 20], help="animals to choose from (default 5 20)")
    three.add_argument("--shots", type=int, nargs="+", default=[1, 5], help="known photos of each (default 1 5)")
    three.add_argument("--episodes", type=int, default=500, help="draws of such animals (default %(default)s)")
    three.add_argument("--validation", type=float, default=0.4, help="share of animals to choose k on (default %(default)s)")
    three.add_argument("--flat", action="store_true", help="also kNN on a two-dimensional UMAP of the vectors")
    three.add_argument("--json", type=Path, help="write the table here")
    four = command(
        "fuse", _fuse, "several parts of an animal in one score: fit their weights and judge them, or ask a catalogue with them"
    )
    _add_vectors(four, vectors="+")
    four.add_argument("--asked", nargs="+", default=[], metavar="COLUMN=VALUE", help="ask about these photos only")
    four.add_argument("--among", nargs="+", default=[], metavar="COLUMN=VALUE", help="and compare them with these")
    four.add_argument(
        "--missing", type=float, nargs="+", default=[0.0, 0.3], metavar="SHARE",
        help="of the parts left out at random, a table each; the weights are fitted with the largest (default 0 0.3)",
    )  # fmt: skip
    four.add_argument("--times", type=int, default=10, help="draws of the parts that are left out (default %(default)s)")
    four.add_argument(
        "--weights", type=Path, metavar="JSON", help=f"the fitted weights (default: {fusing.FILE} beside the first --vectors)"
    )
    four.add_argument("--catalogue", type=Path, help="ask this one who the sightings of --vectors show, by the fitted --weights")
    four.add_argument("--new-rate", type=float, default=0.1, help="share of strangers (default %(default)s)")
    four.add_argument("--top", type=int, default=5, help="animals to name (default %(default)s)")
    four.add_argument("--json", type=Path, help="write the tables, or the answers, here")


def _add_vectors(parser: argparse.ArgumentParser, vectors: str | None = None, tables: str | None = None) -> None:
    parser.add_argument("--vectors", type=Path, nargs=vectors, metavar="NPZ", help="predictions.npz, or .npz with vectors, photo")
    parser.add_argument("--table", type=Path, nargs=tables, metavar="CSV", help="whom they show: photo (Image), animal (whaleID)")
    parser.add_argument("--seed", type=int, default=0, help="of all draws (default %(default)s)")
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap samples (default %(default)s)")


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--where", nargs="+", default=[], metavar="COLUMN=VALUE", help="measure on these photos only; also a|b, from..to"
    )


def of_held_out(path: Path, table: Path | None, conditions: Sequence[str] = (), trained: bool = False) -> HeldOut:
    """Labelled photos of a file of vectors whose animals the model was never trained on."""
    return held_out_of(path, [table] if table else [], conditions, trained)


def _labelled(path: Path, table: Path | None) -> Incoming:
    found = coming.of_file(path)
    return found if table is None else found.labelled(tables.read_labels(table), str(table))


def _verify(options: argparse.Namespace) -> int:
    if (options.vectors is None) == (options.model is None):
        raise CatalogueError("give either --model, which embeds photos, or --vectors, whose rows are photos")
    if options.prior is not None and not 0 < options.prior < 1:
        raise CatalogueError(
            f"--prior {options.prior:g}: the share of pairs that show one animal lies between 0 and 1, exclusive"
        )
    if options.draws < 1:
        raise CatalogueError(f"--draws {options.draws}: it takes at least 1")
    path = options.calibration or (options.vectors.parent if options.vectors else options.model) / verifying.FILE
    if options.sources:
        return _compare(options, path)
    if options.vectors is None:
        raise CatalogueError("name two photos to compare; or, to fit, give --vectors and --table")
    found = of_held_out(options.vectors, options.table, options.where, options.trained_animals)
    fitted = verifying.fit(found, options.prior or 0.5, str(options.vectors), seed=options.seed, draws=options.draws)
    verifying.write(path, fitted)
    print(f"{verifying.text(fitted)}\n{path}: written")
    if options.json:
        write_json(options.json, fitted.model_dump(mode="json"))
    return 0


def _compare(options: argparse.Namespace, path: Path) -> int:
    fitted = verifying.read(path)
    prior = options.prior or fitted.prior
    if options.vectors is not None:
        photos, names, failed = coming.of_file(options.vectors), options.sources, []
    else:
        photos, failed = coming.of_photos(options.sources, options.model)
        names = photos.table["photo"].tolist()
        if failed:
            raise CatalogueError("not all of the photos can be used:\n  " + "\n  ".join(failed))
    found = verifying.compare(photos, names, fitted, prior, str(options.vectors or options.model))
    print(verifying.shown(found, prior))
    learned = photos.table["learned"] if "learned" in photos.table.columns else pd.Series("", index=photos.table.index)
    seen = sorted(set(photos.table["photo"][learned == "yes"]) & set(names))
    if seen:
        print(f"The model learned from {listed(seen)}: of such photos the probabilities are too sure.")
    if fitted.warning:
        print(fitted.warning)
    if options.json:
        numbers = {"prior": prior, "model": fitted.model.weights_sha, "pairs": found, "learned": seen, "doubt": fitted.warning}
        write_json(options.json, numbers)
    return 0


def _novelty(options: argparse.Namespace) -> int:
    if options.vectors is None:
        raise CatalogueError("give --vectors, a predictions.npz or an .npz with vectors, photo and animal")
    if options.draws < 1:
        raise CatalogueError(f"--draws {options.draws}: it takes at least 1")
    errors = options.errors[0], options.errors[1]
    asked, about = novelty.of_file(
        options.vectors, options.table or [], options.where, trained_gallery=options.trained_gallery, seed=options.seed
    )
    found = novelty.judged(
        asked, str(options.vectors), rate=options.new_rate, errors=errors, seed=options.seed, draws=options.draws
    )
    print(f"{about}\n{open_set.text(found, errors)}")
    if options.json:
        write_json(options.json, novelty.as_numbers(found))
    return 0


def _one_shot(options: argparse.Namespace) -> int:
    if not options.vectors:
        raise CatalogueError("give --vectors, one or more files of the same photos")
    names = options.names or one_shot.names_of(options.vectors)
    if len(names) != len(options.vectors):
        raise CatalogueError(f"{len(names)} --names for {len(options.vectors)} files")
    if options.draws < 1 or options.episodes < 1 or not 0 < options.validation < 1:
        raise CatalogueError("--draws and --episodes must be at least 1, --validation a share between 0 and 1, exclusive")
    found, warnings = one_shot.in_common(options.vectors, options.table or [], options.where)
    every = one_shot.results(
        found,
        options.ways,
        options.shots,
        flat=options.flat,
        count=options.episodes,
        validation=options.validation,
        seed=options.seed,
        draws=options.draws,
    )
    print(one_shot.text(names, every, found[0], warnings))
    if options.json:
        write_json(options.json, one_shot.as_numbers(names, every))
    return 0


def _fuse(options: argparse.Namespace) -> int:
    if not options.vectors:
        raise CatalogueError("give --vectors, one file a fold, and --table with photo, animal, part and encounter")
    if min(options.draws, options.times, options.top) < 1:
        raise CatalogueError("--draws, --times and --top must be at least 1")
    path = options.weights or options.vectors[0].parent / fusing.FILE
    if options.catalogue is not None:
        return _ask_by_parts(options, path)
    found = [of_held_out(file, options.table) for file in options.vectors]
    fitted, judged = fusing.fit(
        found,
        [str(file) for file in options.vectors],
        asked=options.asked,
        among=options.among,
        missing=options.missing,
        times=options.times,
        seed=options.seed,
        draws=options.draws,
    )
    fusing.write(path, fitted)
    print(f"{fusing.text(fitted, judged)}\n{path}: written")
    if options.json:
        write_json(options.json, fusing.as_numbers(fitted, judged))
    return 0


def _ask_by_parts(options: argparse.Namespace, path: Path) -> int:
    if len(options.vectors) > 1:
        raise CatalogueError(f"--catalogue holds vectors of one model; give one file of --vectors, not {len(options.vectors)}")
    gallery, photos, fitted = galleries.read(options.catalogue), _labelled(options.vectors[0], options.table), fusing.read(path)
    coming.refuse_other_model(photos.model, gallery.manifest.model, str(options.vectors[0]))
    if gallery.manifest.model not in fitted.models:
        print(f"{path}: fitted on vectors of other fits; the probabilities hold if they are fits of the same config")
    kept = matching(photos.table, options.asked)
    if not kept.any():
        raise CatalogueError(f"{options.vectors[0]}: no photo meets {' and '.join(options.asked)}")
    asked = photos.only(kept, "not asked about")
    found, told = fused_search.answers(gallery, asked, fitted, options.new_rate, conditions=options.among, top=options.top)
    doubt = [fitted.warning] if fitted.warning else []
    print("\n".join([*asked.told, *told, *(answering.text(one) for one in found), *doubt]))
    if options.json:
        numbers = [asdict(one) for one in found]
        write_json(options.json, {"model": gallery.manifest.model.weights_sha, "doubt": fitted.warning, "answers": numbers})
    return 0 if found else 1
