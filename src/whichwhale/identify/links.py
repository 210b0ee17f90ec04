"""Weak labels: of some photos one knows that they show one animal, or two, but not which.

A CSV has a pair of photos a row: `first, second, link`, where link is must (one animal: photos of one track) or cannot (two
animals: photos of different beaches on one day). Musts reach on: a = b and b = c make a = c, and the labels of the training table
are musts and cannots as well. So photos fall into groups of one animal each, of which some have a name; a cannot holds between
all photos of the two groups. A CSV that contradicts itself or the labels is refused, with the rows that do.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.files import write_text

COLUMNS = ["first", "second", "link"]
MUST, CANNOT = "must", "cannot"
DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
SHOWN = 6  # steps of a contradiction that are told


class LinksError(ValueError):
    """Links that can't be read, or that contradict one another or the labels; the message names file, rows and fix."""


@dataclass(frozen=True)
class Link:
    """Both photos show one animal (`must`), or two; `line` of the file."""

    first: str
    second: str
    must: bool
    line: int


@dataclass(frozen=True, eq=False)
class Groups:
    """Photos [N] in groups of one animal each.

    group   int64 [N], 0 … G - 1
    whale   int64 [G], of a group with a label; -1: nobody knows whom it shows
    rivals  int64 [R, 2], pairs of groups that are known to show two animals without that both have a label; each once, the
            smaller number first
    """

    group: NDArray[np.int64]
    whale: NDArray[np.int64]
    rivals: NDArray[np.int64]


def read(path: str | Path) -> list[Link]:
    """The links of a CSV.

    Raises:
        LinksError: no such file, no CSV, a column or a photo's name missing, another word than must and cannot, a photo that is
            linked with itself.
    """
    path = Path(path)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise LinksError(
            f"{path}: no such table of links; correct weak.links, or make one: python -m whichwhale.identify links"
        ) from None
    except (OSError, ValueError) as error:
        raise LinksError(f"{path}: not a readable CSV ({error})") from None
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise LinksError(
            f"{path}: has no column {missing[0]}; its columns are {', '.join(table.columns)}, wanted {', '.join(COLUMNS)}"
        )
    links = []
    for line, row in enumerate(table[COLUMNS].itertuples(index=False), 2):
        first, second, kind = (value.strip() for value in row)
        if not first or not second:
            raise LinksError(f"{path}: line {line}: a photo's name is missing; a link takes two")
        if kind not in (MUST, CANNOT):
            raise LinksError(f"{path}: line {line}: link {kind!r}; it is {MUST} (one animal) or {CANNOT} (two)")
        if first == second:
            raise LinksError(f"{path}: line {line}: {first} is linked with itself; remove the line")
        links.append(Link(first, second, kind == MUST, line))
    return links


def write(path: str | Path, links: Iterable[Link]) -> None:
    """Write the links as `read` takes them, atomically."""
    rows = [(one.first, one.second, MUST if one.must else CANNOT) for one in links]
    write_text(path, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n"))


def of_sightings(table: pd.DataFrame, where: str) -> list[Link]:
    """What sightings say, from a table with `Image` (or `photo`) and `track`, or `date` and `place`, or all; empty: unknown.

    Photos of one track show one animal; photos of one day (YYYY-MM-DD; a year or a month is no day) at two places show two. Each
    track is linked photo to photo, and of it one photo stands for all among the cannots.

    Raises:
        LinksError: columns are missing, a photo twice, or one track at two places on one day.
    """
    table = table.rename(columns={"photo": "Image"} if "Image" not in table.columns else {})
    both = {"date", "place"} <= set(table.columns)
    if "Image" not in table.columns or not ("track" in table.columns or both):
        raise LinksError(
            f"{where}: it takes a column Image, and track, or date and place; its columns are {', '.join(table.columns)}"
        )
    table = table.fillna("").astype(str).apply(lambda column: column.str.strip())
    if (double := table["Image"].duplicated()).any():
        raise LinksError(
            f"{where}: line {int(double.to_numpy().argmax()) + 2}: {table['Image'][double].iloc[0]} has a row already"
        )
    track = table["track"] if "track" in table.columns else pd.Series("", index=table.index)
    links, speaks = [], np.ones(len(table), bool)
    for _, rows in table[track != ""].groupby(track[track != ""], sort=False):
        names = rows["Image"].tolist()
        links += [Link(one, other, True, 0) for one, other in zip(names, names[1:], strict=False)]
    if not both:
        return links
    day = table["date"].where(table["date"].str.fullmatch(DAY.pattern), "")
    told = (day != "") & (table["place"] != "")
    where_of = table[told & (track != "")].groupby([track[told & (track != "")], day[told & (track != "")]])["place"]
    if (several := where_of.nunique() > 1).any():
        (name, date), places = next((key, sorted(set(group))) for key, group in where_of if several[key])
        raise LinksError(
            f"{where}: track {name} is at {' and '.join(places)} on {date}; an animal is at one place a day: mend the table"
        )
    speaks[(pd.DataFrame({"track": track, "day": day, "place": table["place"]}).duplicated() & (track != "")).to_numpy()] = False
    for _, rows in table[told & speaks].groupby(day[told & speaks], sort=True):
        names, places = rows["Image"].tolist(), rows["place"].tolist()
        for at, (one, here) in enumerate(zip(names, places, strict=True)):
            links += [Link(one, names[k], False, 0) for k in range(at + 1, len(names)) if places[k] != here]
    return links


def groups_of(
    photos: Sequence[str], whale: NDArray[np.int64], links: Sequence[Link], where: str, names: Sequence[str] = ()
) -> Groups:
    """The groups of photos [N], whose labels are `whale` int64 [N] (-1: none; `names` of the others, for messages).

    Links with a photo that is not among `photos` are passed over; they still join others through it.

    Raises:
        LinksError: a must between two labels, or a cannot within a group.
    """
    web = _Web(photos, whale, links, where, names)
    known = np.array([web.group[photo] for photo in photos], np.int64)
    labels, group = np.unique(known, return_inverse=True)
    place = dict(zip(labels.tolist(), range(len(labels)), strict=True))
    of_group = np.array([web.whale.get(label, -1) for label in labels.tolist()], np.int64)
    rivals = set()
    for link in links:
        if not link.must:
            ends = web.group[link.first], web.group[link.second]
            if all(end in place for end in ends) and (web.whale.get(ends[0], -1) < 0 or web.whale.get(ends[1], -1) < 0):
                rivals.add(tuple(sorted(place[end] for end in ends)))
    return Groups(group.astype(np.int64), of_group, np.array(sorted(rivals), np.int64).reshape(-1, 2))


class _Web:
    """Photos and labels as the links join them. `group`: photo to a number; `whale`: of the numbers that have a label."""

    def __init__(
        self, photos: Sequence[str], whale: NDArray[np.int64], links: Sequence[Link], where: str, names: Sequence[str]
    ) -> None:
        self.names, self.where = names, where
        self.beside: dict[str | int, list[tuple[str | int, int]]] = defaultdict(
            list
        )  # node: (node, line; 0 is the training table)
        for photo, label in zip(photos, whale.tolist(), strict=True):
            self.beside[photo]
            if label >= 0:
                self._join(photo, label, 0)
        for link in links:
            self.beside[link.first], self.beside[link.second]
            if link.must:
                self._join(link.first, link.second, link.line)
        self.group: dict[str | int, int] = {}
        self.whale: dict[int, int] = {}
        groups = 0
        for node in list(self.beside):
            if node not in self.group:
                self._spread(node, groups)
                groups += 1
        for link in links:
            if not link.must and self.group[link.first] == self.group[link.second]:
                raise LinksError(
                    f"{where}: line {link.line}: {link.first} and {link.second} are said to show two animals, but they show one: "
                    f"{self._why(link.first, link.second)}; remove what is wrong of these"
                )

    def _join(self, one: str | int, other: str | int, line: int) -> None:
        self.beside[one].append((other, line))
        self.beside[other].append((one, line))

    def _spread(self, start: str | int, number: int) -> None:
        """Give the number to all that is joined with `start`; labels are ints."""
        self.group[start], left = number, deque([start])
        first: int | None = None
        while left:
            node = left.popleft()
            if isinstance(node, int):
                if first is not None:
                    raise LinksError(
                        f"{self.where}: {self._name(first)} and {self._name(node)} are two animals in the training table, but "
                        f"the links make them one: {self._why(first, node)}; remove what is wrong of these"
                    )
                first = self.whale[number] = node
            for other, _ in self.beside[node]:
                if other not in self.group:
                    self.group[other] = number
                    left.append(other)

    def _why(self, start: str | int, end: str | int) -> str:
        """The shortest chain of musts from the one to the other, in words."""
        came: dict[str | int, tuple[str | int, int] | None] = {start: None}
        left = deque([start])
        while left and end not in came:
            node = left.popleft()
            for other, line in self.beside[node]:
                if other not in came:
                    came[other] = node, line
                    left.append(other)
        steps, node = [], end
        while (step := came[node]) is not None:
            by = f"line {step[1]}" if step[1] else "training table"
            steps.append(f"{self._name(step[0])} = {self._name(node)} ({by})")
            node = step[0]
        steps.reverse()
        return ", ".join(steps[:SHOWN]) + (f" and {len(steps) - SHOWN} steps more" if len(steps) > SHOWN else "")

    def _name(self, node: str | int) -> str:
        if isinstance(node, str):
            return node
        return self.names[node] if len(self.names) > node else f"whale {node}"
