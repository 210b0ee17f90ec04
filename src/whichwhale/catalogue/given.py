"""What a command line gives to go into a catalogue or to be asked of it: photos and a model that embeds them, or vectors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from whichwhale.catalogue import incoming as coming
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.manifest import Model
from whichwhale.predictions import ROLE_NAMES


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("sources", nargs="*", metavar="PHOTO", help="photos and folders of photos; build takes key=value as well")
    parser.add_argument("--model", type=Path, help="run folder of one fit, which embeds the photos")
    parser.add_argument(
        "--vectors", type=Path, metavar="NPZ", help="instead: a predictions.npz, or an .npz with vectors, photo and model"
    )
    parser.add_argument(
        "--roles", nargs="+", default=list(ROLE_NAMES), choices=ROLE_NAMES, help="rows of a predictions.npz to take"
    )


def incoming_of(
    options: argparse.Namespace, sources: Sequence[str], ours: tuple[Model, str] | None = None
) -> tuple[Incoming, list[str]]:
    """What the options name, among it photos and folders as `sources`; and what could not be read, a line each.

    Args:
        ours: model and folder of the catalogue that it is for, if there is one.

    Raises:
        CatalogueError: neither photos with a model nor vectors, or both; another model than the catalogue's; otherwise as
            `incoming.of_photos` and `of_file`.
    """
    if options.vectors is not None:
        if sources or (options.model and not getattr(options, "evidence", None)):
            raise CatalogueError("give either photos and --model, or --vectors, not both")
        return coming.of_file(options.vectors, options.roles), []
    if not sources:
        raise CatalogueError("name photos and a --model that embeds them, or --vectors")
    if options.model is None:
        raise CatalogueError(
            "photos need a --model that embeds them, the run folder of one fit, such as runs/<dataset>/<model>/foldall"
        )
    if options.table is not None:
        coming.refuse_unlabelled(sources, tables.read_labels(options.table), str(options.table))
    return coming.of_photos(sources, options.model, ours)


def ended(failed: Sequence[str], told: Sequence[str] = ()) -> int:
    """The exit code; what is `told` beside what failed is no failure."""
    for problem in [*failed, *told]:
        print(f"left out: {problem}", file=sys.stderr)
    return 1 if failed else 0
