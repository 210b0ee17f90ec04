"""trained_on.csv beside a fit's weights, where a room writes it: which photos they have learned from, `Image` and `whaleID`.

A photo is told by both: a crop keeps its photo's name, but the w_1.jpg of a survey is another whale's. One that was learned from
without a label has no whale there, and is told by its name alone: whoever labels it later must not hold it out.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from whichwhale.files import write_text

FILE = "trained_on.csv"
COLUMNS = ["Image", "whaleID"]
Photos = set[tuple[str, str]]  # photo and whale, '' without a label


def write(folder: Path, photos: Photos) -> None:
    """Write what the fit in `folder` learns from."""
    write_text(folder / FILE, pd.DataFrame(sorted(photos), columns=COLUMNS).to_csv(index=False, lineterminator="\n"))


def read(folder: Path) -> Photos | None:
    """What the fit in `folder` has learned from; None: nobody knows, since it, or a fit that it started from, is older than the
    file or of a room that knows no whales."""
    path = folder / FILE
    if not path.is_file():
        return None
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return set(zip(*(table[name] for name in COLUMNS), strict=True)) if list(table.columns) == COLUMNS else None


def without_label(images: list[str]) -> Photos:
    """`images` of which nobody says whom they show."""
    return {(image, "") for image in images}


def photos_of(train: pd.DataFrame, images: list[str]) -> Photos:
    """`images` with their whales, by a training table [Image, whaleID]."""
    whale_of = dict(zip(train["Image"], train["whaleID"], strict=True))
    return {(image, whale_of[image]) for image in images}


def shared(learned: Photos, held_out: Photos) -> list[str]:
    """Names of the held-out photos that were learned from; none if it is a single one of many, for two whales may have the same
    made-up name."""
    unlabelled = {image for image, whale in learned if not whale}
    both = sorted(image for image, whale in held_out if (image, whale) in learned or image in unlabelled)
    return both if len(both) > 1 or 100 * len(both) > len(held_out) else []
