"""trained_on.csv beside a fit's weights, where a room writes it: which photos they have learned from, `Image` and `whaleID`.

A photo is told by both: a crop keeps its photo's name, but the w_1.jpg of a survey is another whale's. One that was learned from
without a label has no whale there, and is told by its name alone: whoever labels it later must not hold it out.

Weights say in their metadata which list is theirs, so that a copy of them alone is not taken for weights that have seen nothing.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from whichwhale.files import sha256, write_text

FILE = "trained_on.csv"
CLAIM = "trained_on_sha256"  # key of the metadata of weights
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


def claim(folder: Path) -> dict[str, str]:
    """What weights that are written into `folder` say of the list there, for their metadata; {} if there is none."""
    path = folder / FILE
    return {CLAIM: sha256(path)} if path.is_file() else {}


def fault(weights: Path) -> str:
    """In words, with the fix, why the list that the file `weights` says is its own isn't beside it; empty if it is, or if the
    weights say nothing: they are older, or no fit's."""
    claimed, beside = _claimed(weights), weights.resolve().parent / FILE
    if not claimed:
        return ""
    if not beside.is_file():
        wrong = f"it says that a {FILE} names the photos that it has learned from, and {beside} is missing"
    elif sha256(beside) != claimed:
        wrong = f"it has learned from the photos of another {FILE} than {beside}"
    else:
        return ""
    return f"{weights}: {wrong}; copy the one from its fit's folder beside it too, or name the weights in that folder"


def _claimed(weights: Path) -> str:
    from safetensors import SafetensorError, safe_open

    if weights.suffix != ".safetensors":
        return ""
    try:
        with safe_open(weights, framework="numpy") as stream:
            return (stream.metadata() or {}).get(CLAIM, "")
    except (OSError, SafetensorError):  # whoever loads it will say so
        return ""


def fit_of(weights: Path) -> Path | None:
    """The folder that tells what the file `weights` has learned from: its fit's, or one that the list was copied to as well.

    None: it lies in none, and is taken for weights that no fit of ours made.
    """
    folder = weights.resolve().parent
    return folder if any((folder / name).is_file() for name in ("provenance.json", FILE)) else None


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
