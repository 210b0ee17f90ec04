"""One whale's passports side by side: is it the same animal, lying the same way, in each?"""

from __future__ import annotations

from whichwhale.report import page
from whichwhale.report.pictures import passport
from whichwhale.report.sources import Absent, Sources

MOST = 24


class UnknownWhale(ValueError):  # noqa: N818 (what was asked for)
    """A whale was asked for that the training table doesn't name."""


def whale(sources: Sources, name: str | None = None) -> str:
    """The passports of `name`, else of the whale with most labelled photos (of several the first by name).

    Raises:
        UnknownWhale: no labelled photo is of `name`.
    """
    train = sources.tables.train
    count = train["whaleID"].value_counts()
    if name is not None and name not in count:
        raise UnknownWhale(f"--whale {name}: no such whale in {sources.config.data.train}; one of its whales is {count.index[0]}")
    name = name or min(count.index[count == count.max()])
    photos = train.loc[train["whaleID"] == name, "Image"].tolist()
    shown = []
    for photo in photos:
        picture = passport(sources.store, photo, f"Passport of {name} from photo {photo}")
        if picture:
            shown.append(page.figure(picture, photo))
        if len(shown) == MOST:
            break
    if not shown:
        raise Absent(f"{name} has no passport in {sources.short(sources.store.folder)}.")
    some = (
        f"{len(shown)} of its {len(photos)} labelled photos" if len(shown) < len(photos) else f"its {len(photos)} labelled photos"
    )
    told = (
        f"{name}, in {some}. Every passport shows the head the same way round and at the same size, whatever the photo; what "
        "still differs is light, water, spray and the animal's roll. The pale callosities are what tells whales apart."
    )
    return page.paragraph(told) + f'<div class="grid">{"".join(shown)}</div>'
