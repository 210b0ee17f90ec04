"""What is wrong, or looks wrong, in annotations: each row by itself, against its neighbours, and against all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whichwhale.annotations import doubles, faults, outliers
from whichwhale.annotations import table as contract
from whichwhale.annotations.findings import WARNING, Finding
from whichwhale.annotations.reading import Loaded


def check(
    loaded: Loaded, photos: Mapping[str, faults.Upright] | None = None, pair: Sequence[str] | None = None, part: str = "head"
) -> list[Finding]:
    """All findings of a table, in its order.

    Args:
        loaded: contract 1's table and its rows' places in the file.
        photos: headers of the photos that are there, None if nobody looked; the others' sizes are believed.
        pair: the two points between which d lies, the front one first; None: the table's first two, or none.
        part: the part that has these points.

    Raises:
        ValueError: `pair` is not two of the table's points, or no row is of `part`.
    """
    table, entries = loaded.table, loaded.entries
    names, pair = contract.point_names(table), points_of_d(loaded, pair)
    parts = list(dict.fromkeys(table.loc[table["status"] == "ok", "part"]))
    if parts and part not in parts and part != "head":
        raise ValueError(f"part is {part!r}; the table has {', '.join(parts)}")
    found: list[tuple[int, Finding]] = []
    for i, row in enumerate(table.to_dict("records")):
        for level, kind, what, fix in faults.of_row(row, names, (photos or {}).get(row["Image"]), pair, part):
            found.append((i, Finding(level, kind, row["Image"], entries[i], what, fix)))
    for look in (doubles.in_photos, doubles.copied, outliers.distances, outliers.exchanged):
        for i, level, kind, what, fix in look(table, entries, pair, part):
            found.append((i, Finding(level, kind, table["Image"].iloc[i], entries[i], what, fix)))
    found += _without_photo(loaded, photos)
    listed = set(table["Image"])
    more = [
        Finding(WARNING, "no entry", image, image, "the photo has none", "mark it, or give it one with nothing found")
        for image in photos or {}
        if image not in listed
    ]
    return [finding for _, finding in sorted(found, key=lambda one: one[0])] + more


def _without_photo(loaded: Loaded, photos: Mapping[str, faults.Upright] | None) -> list[tuple[int, Finding]]:
    """Findings of entries whose photo is not there, by row; a single one where most are missing, as of a few photos of many."""
    first = {image: i for i, image in reversed(list(enumerate(loaded.table["Image"])))}
    missing = [] if photos is None else sorted((i, image) for image, i in first.items() if image not in photos)
    fix = "put it there, or give it the photo's name as the file has it"
    if 2 * len(missing) > len(first):
        (i, image), what = missing[0], f"{len(missing)} of the {len(first)} photos are not there, of which this is the first"
        return [(i, Finding(WARNING, "no photo", image, loaded.entries[i], what, fix))]
    return [(i, Finding(WARNING, "no photo", image, loaded.entries[i], "the photo is not there", fix)) for i, image in missing]


def points_of_d(loaded: Loaded, pair: Sequence[str] | None = None) -> tuple[str, ...]:
    """The two points of d: `pair`, or the table's first two; empty if it has fewer. Raises ValueError as `check` does."""
    names = contract.point_names(loaded.table)
    if pair is None:
        return tuple(names[:2]) if len(names) > 1 else ()
    if len(set(pair)) != 2 or any(name not in names for name in pair):
        raise ValueError(f"pair is {', '.join(pair)}; must be two of the table's points {', '.join(names)}")
    return tuple(pair)
