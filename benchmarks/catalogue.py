"""What are embeddings worth for a catalogue of animals that no model was trained on? Verification, novelty, one-shot, in tables.

    N="frozen siamese triplet arcface"

    Real heads, 85 whales held out (runs/pretraining must be fitted: configs/survey/close_ups.yaml):
    for m in disjoint_frozen disjoint_siamese disjoint_triplet disjoint; do for s in train predict; do
        python $s.py configs/right_whale_heads/$m.yaml; done; done
    python benchmarks/catalogue.py runs/right_whale_heads_disjoint/disjoint{_frozen,_siamese,_triplet,}/fold0/predictions.npz \\
        --table input/right_whale_heads/train.csv --names $N --flat

    Lions, half of them held out, faces alone (another part of a lion says nothing of its face):
    python benchmarks/lions.py --source LIONS
    for m in frozen siamese triplet arcface; do for s in train predict; do
        python $s.py configs/lions/$m.yaml dataset=lions_disjoint data.root=lions folds.count=2 fold=0; done; done
    python benchmarks/catalogue.py runs/lions_disjoint/{frozen,siamese,triplet,arcface}/fold0/predictions.npz \\
        --table input/lions/parts.csv --where part=face --shots 1 --flat

    Faces, half of the people held out; their folders name them:
    for m in disjoint_frozen disjoint_siamese disjoint_triplet disjoint; do for s in train predict; do
        python $s.py configs/att_faces/$m.yaml; done; done
    python benchmarks/catalogue.py runs/att_faces_disjoint/disjoint{_frozen,_siamese,_triplet,}/fold0/predictions.npz \\
        --names $N --flat

    A survey with --unknown animals, which are the strangers (that of benchmarks/shortcut.py, whose aligner cuts the passports):
    for m in embedding_frozen embedding_siamese embedding_triplet embedding; do for s in train predict; do
        python $s.py configs/survey/$m.yaml dataset=shortcut data.root=shortcut folds.count=3 fold=0 \\
        passports.annotations=shortcut/aligner/annotations.csv; done; done
    python benchmarks/catalogue.py runs/shortcut/embedding{_frozen,_siamese,_triplet,}/fold0/predictions.npz \\
        --table input/shortcut/truth/metadata.csv --names $N --trained-gallery --flat

    --draws 50 --episodes 50 makes a trial of each.

Files are predictions.npz of fits on folds of kind disjoint (one fold of each model, the same), or of any fit if the tables know
test photos of animals that it was not trained on; or .npz with vectors and photo. Figures are of photos of animals that a fit was
never trained on; a file without such animals is refused. Tables are Markdown; intervals are 95 % bootstraps over animals. A table
is printed as soon as it is made; one that can't be, for too few animals, says why. Each table is what `python -m
whichwhale.catalogue verify | novelty | one-shot` says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from markdown_table import markdown_table

from whichwhale.catalogue import novelty, one_shot, verifying
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.held_out import HeldOut, of_file
from whichwhale.command_line import carried_out, parser_of
from whichwhale.score.bootstrap import Interval
from whichwhale.score.open_set import Judgement
from whichwhale.score.strangers import Asked


def cell(one: Interval) -> str:
    return "none" if np.isnan(one.mean) else f"{one.mean:.1%} ({one.low:.1%} to {one.high:.1%})"


def verification_table(fitted: dict[str, verifying.VerificationFile]) -> str:
    """A row a file."""
    figures = list(dict.fromkeys(figure for one in fitted.values() for figure in one.figures))
    rows = []
    for name, one in fitted.items():
        measured = [cell(Interval(*one.figures.get(figure, [np.nan] * 3), 0.95)) for figure in figures]
        judged = one.judged
        calibrated = f"{judged['log_loss']:.3f} of {judged['uninformed']:.3f}", f"{judged['error']:.1%}"
        rows.append([f"`{name}`", str(one.photos), str(one.animals), *measured, *calibrated])
    return "\n".join(markdown_table(["vectors", "photos", "animals", *figures, "log loss, cross-fitted", "claims off by"], rows))


def novelty_table(found: Judgement) -> str:
    """A row a score, then a row a band."""
    k = {name: f", k = {', '.join(map(str, sorted(set(of))))}" for name, of in found.k.items()}  # chosen on other animals
    rows = [
        [one.name + k.get(one.name, ""), cell(one.auroc), cell(one.fpr95), cell(one.f1), cell(one.map5)] for one in found.rows
    ]
    bands = [[band.name, cell(band.share), "" if band.name == "review" else cell(band.wrong)] for band in found.bands]
    scores = markdown_table(["score", "AUROC", "FPR at 95 % TPR", "open-set F1", "MAP@5"], rows)
    return "\n".join([*scores, "", *markdown_table(["band", "share of the photos", "of them wrong"], bands)])


def one_shot_table(names: Sequence[str], every: Sequence[Sequence[one_shot.Cell]]) -> str:
    """A row for each file, number of ways and shots; why there is none where there is none."""
    rows = []
    for name, of_one in zip(names, every, strict=True):
        for one in of_one:
            if isinstance(one, one_shot.Undrawn):
                rows.append([f"`{name}`", str(one.ways), str(one.shots), f"none: {one.why}", "", ""])
                continue
            flat = "" if one.flat is None else f"{cell(one.flat)}, k = {one.flat_k}"
            rows.append([f"`{name}`", str(one.ways), str(one.shots), cell(one.nearest), f"{cell(one.knn)}, k = {one.k}", flat])
    return "\n".join(markdown_table(["vectors", "ways", "shots", "nearest photo", "kNN", "kNN on 2-D UMAP"], rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 measured, 1 but for a table that there are too few animals for, 2 it can't be carried out."""
    parser = parser_of("benchmarks/catalogue.py", __doc__)
    parser.add_argument("vectors", type=Path, nargs="+", metavar="NPZ", help="predictions.npz of disjoint folds")
    parser.add_argument(
        "--table", type=Path, nargs="+", default=[], metavar="CSV", help="whom the photos show: Image, whaleID; the last wins"
    )
    parser.add_argument("--where", nargs="+", default=[], metavar="COLUMN=VALUE", help="photos to measure on, such as part=face")
    parser.add_argument(
        "--trained-gallery",
        action="store_true",
        help="novelty also among the photos that each fit learned from; takes held-out photos of their animals and of others",
    )
    parser.add_argument("--names", nargs="+", help="of the files (default: the model's folder)")
    parser.add_argument("--prior", type=float, default=0.5, help="share of pairs of one animal (default %(default)s)")
    parser.add_argument("--new-rate", type=float, default=0.3, help="share of strangers (default %(default)s)")
    parser.add_argument("--errors", type=float, nargs=2, default=[0.05, 0.05], metavar=("AUTO", "NEW"), help="of the bands")
    parser.add_argument("--ways", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--flat", action="store_true", help="kNN on a 2-D UMAP as well")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap samples")
    options = parser.parse_args(arguments)
    names = options.names or one_shot.names_of(options.vectors)
    if len(names) != len(options.vectors):
        parser.error(f"{len(names)} --names for {len(options.vectors)} files")
    if len(set(names)) < len(names):
        parser.error(f"two files are called {next(one for one in names if names.count(one) > 1)}; tell them apart by --names")
    return carried_out(measured, options, names)


def measured(options: argparse.Namespace, names: Sequence[str]) -> int:
    """Print table after table; 1 if there was none of some kind."""
    if options.draws < 1 or options.episodes < 1:
        raise CatalogueError("--draws and --episodes must be at least 1")
    files = {}
    for name, path in zip(names, options.vectors, strict=True):  # all of them before any is measured
        files[name] = of_file(path, options.table, options.where)
    common, _ = one_shot.in_common(options.vectors, options.table, options.where)
    if len(set(map(tuple, (found.photos.table["photo"] for found in files.values())))) > 1:  # rows are of the same photos
        files = dict(zip(names, common, strict=True))
    paths = dict(zip(names, map(str, options.vectors), strict=True))
    missing = 0
    for block in (
        lambda: _verification(options, files, paths),
        *(partial(_novelty, options, name, found, paths[name]) for name, found in files.items()),
        *(partial(_trained, options, name, path) for name, path in paths.items() if options.trained_gallery),
        lambda: _one_shot(options, names, common),
    ):
        try:
            print(block() + "\n", flush=True)
        except CatalogueError as problem:
            print(f"none: {problem}\n", flush=True)
            missing = 1
    print("".join(f"{name}: {found.warning}\n" for name, found in files.items() if found.warning), end="")
    return missing


def _verification(options: argparse.Namespace, files: dict[str, HeldOut], paths: dict[str, str]) -> str:
    fitted = {
        name: verifying.fit(found, options.prior, paths[name], seed=options.seed, draws=options.draws)
        for name, found in files.items()
    }
    return f"Verification: pairs of photos, those of one animal weighted to {options.prior:.0%}\n\n{verification_table(fitted)}"


def _novelty(options: argparse.Namespace, name: str, found: HeldOut, path: str) -> str:
    return _judged(options, f"Novelty, `{name}`", novelty.enrolled(found, path, options.seed), path)


def _trained(options: argparse.Namespace, name: str, path: str) -> str:
    about = f"Novelty, `{name}`, asked of the photos that it learned from, by its own logits too"
    return _judged(options, about, novelty.trained(Path(path), options.table), path)


def _judged(options: argparse.Namespace, about: str, asked: Asked, path: str) -> str:
    errors = options.errors[0], options.errors[1]
    judged = novelty.judged(asked, path, rate=options.new_rate, errors=errors, seed=options.seed, draws=options.draws)
    counts = f"{judged.known} photos asked as known animals', {judged.strangers} as strangers', weighted to {judged.rate:.0%}"
    return f"{about}: {counts}\n\n{novelty_table(judged)}"


def _one_shot(options: argparse.Namespace, names: Sequence[str], common: Sequence[HeldOut]) -> str:
    every = one_shot.results(
        common, options.ways, options.shots, flat=options.flat, count=options.episodes, seed=options.seed, draws=options.draws
    )
    photos, animals = len(common[0].animal), len(set(common[0].animal.tolist()))
    return f"One-shot: {photos} photos of {animals} animals, k chosen on four tenths of them\n\n{one_shot_table(names, every)}"


if __name__ == "__main__":
    sys.exit(main())
