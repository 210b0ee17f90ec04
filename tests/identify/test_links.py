"""Weak labels: read, joined, and never violated: not in a pair, not in a triplet, whatever the batch."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.fit.linked import Linked
from whichwhale.identify import links as weak
from whichwhale.identify.heads import mining
from whichwhale.identify.links import Link, LinksError
from whichwhale.identify.net import LinkedGroups

PHOTOS = [f"p{number}" for number in range(14)]
Made = tuple[np.ndarray, np.ndarray, list[Link]]


@st.composite
def truthful(draw: st.DrawFn) -> Made:
    """Whom 14 photos show, the labels that some have, and links that say the truth."""
    animal = np.array(draw(st.lists(st.integers(0, 4), min_size=14, max_size=14)))
    labelled = np.array(draw(st.lists(st.booleans(), min_size=14, max_size=14)))
    pairs = draw(st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)).filter(lambda pair: pair[0] != pair[1]), max_size=25))
    links = [Link(PHOTOS[a], PHOTOS[b], bool(animal[a] == animal[b]), line) for line, (a, b) in enumerate(pairs, 2)]
    return animal, np.where(labelled, animal, -1), links


def pictures(groups: weak.Groups, numbers: list[int], seed: int, twins: bool) -> tuple[list[int], mining.Relation, torch.Tensor]:
    """Photos of a batch, what is known of them, and distances of some embedding."""
    photo, draw = [number % len(PHOTOS) for number in numbers], np.random.default_rng(seed)
    mirrored = torch.from_numpy(draw.random(len(photo)) < 0.5) if twins else None
    known = LinkedGroups(torch.from_numpy(groups.whale), torch.from_numpy(groups.rivals))
    points = torch.from_numpy(draw.normal(size=(len(photo), 3)))
    return photo, known(torch.from_numpy(groups.group[photo]), mirrored), torch.cdist(points, points)


@given(truthful(), st.integers(0, 99), st.booleans())
def test_no_pair_and_no_triplet_ever_violates_a_link_or_a_label(made: Made, seed: int, twins: bool) -> None:
    animal, whale, links = made
    groups = weak.groups_of(PHOTOS, whale, links, "links.csv")
    if (groups.whale >= 0).sum() < 2 and not len(groups.rivals):
        return  # nothing to tell apart
    must = {frozenset((link.first, link.second)) for link in links if link.must}
    cannot = {frozenset((link.first, link.second)) for link in links if not link.must}
    for epoch, batch in enumerate(Linked(groups.group, groups.whale >= 0, groups.rivals, 4, 2, seed).batches(0)):
        photo, (same, other), distances = pictures(groups, batch, seed + epoch, twins)
        triplets = [mining.batch_hard(distances, same, other), mining.semi_hard(distances, same, other, 1.0)]
        alike = [(a, p) for one in triplets for a, p in zip(*(part.tolist() for part in one[:2]), strict=True)]
        apart = [(a, n) for one in triplets for a, n in zip(*(part.tolist() for part in (one[0], one[2])), strict=True)]
        a, p, b, n = mining.all_pairs(same, other)
        alike += list(zip(a.tolist(), p.tolist(), strict=True))
        apart += list(zip(b.tolist(), n.tolist(), strict=True))
        for pairs, shows_one, forbidden in ((alike, True, cannot), (apart, False, must)):
            for i, k in pairs:
                assert (animal[photo[i]] == animal[photo[k]]) == shows_one  # links say the truth, so whatever follows is true
                assert frozenset((PHOTOS[photo[i]], PHOTOS[photo[k]])) not in forbidden
    # and all that the links say can be learned from
    place = {name: number for number, name in enumerate(PHOTOS)}
    _, (same, other), _ = pictures(groups, list(range(len(PHOTOS))), seed, False)
    for link in links:
        assert (same if link.must else other)[place[link.first], place[link.second]]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()).filter(lambda one: one[0] != one[1]), max_size=12))
def test_links_that_contradict_one_another_are_refused_and_others_are_kept(rows: list[tuple[int, int, bool]]) -> None:
    """Whatever the links: they are refused, or both kinds hold."""
    links = [Link(PHOTOS[a], PHOTOS[b], must, line) for line, (a, b, must) in enumerate(rows, 2)]
    whale = np.array([0, 1, *[-1] * 12])
    parent = list(range(6))

    def root(one: int) -> int:
        return one if parent[one] == one else root(parent[one])

    for a, b, must in rows:
        if must:
            parent[root(a)] = root(b)
    wrong = root(0) == root(1) or any(not must and root(a) == root(b) for a, b, must in rows)
    if wrong:
        with pytest.raises(LinksError, match=r"links.csv: (line \d+: )?.* remove what is wrong"):
            weak.groups_of(PHOTOS, whale, links, "links.csv")
        return
    groups = weak.groups_of(PHOTOS, whale, links, "links.csv")
    for a, b, must in rows:
        assert (groups.group[a] == groups.group[b]) == (root(a) == root(b))
        if not must:
            pair = sorted((int(groups.group[a]), int(groups.group[b])))
            assert pair in groups.rivals.tolist() or (groups.whale[pair] >= 0).all()


def test_groups_by_hand() -> None:
    links = [
        Link("a", "b", True, 2),
        Link("b", "c", True, 3),
        Link("c", "d", False, 4),
        Link("e", "x", True, 5),
        Link("x", "d", True, 6),
    ]
    found = weak.groups_of(["a", "b", "c", "d", "e", "f"], np.array([7, -1, -1, -1, -1, 3]), links, "links.csv")
    # a's label reaches b and c; d and e are one through x, which is not among the photos
    assert found.group[0] == found.group[1] == found.group[2] and found.group[3] == found.group[4]
    assert found.whale[found.group].tolist() == [7, 7, 7, -1, -1, 3]
    assert found.rivals.tolist() == [sorted((int(found.group[0]), int(found.group[3])))]


def test_what_contradicts_is_told_step_by_step() -> None:
    musts = [Link("a", "b", True, 2), Link("b", "c", True, 3)]
    with pytest.raises(LinksError, match=r"line 4: a and c are said to show two .*a = b \(line 2\), b = c \(line 3\)"):
        weak.groups_of(["a", "b", "c"], np.full(3, -1), [*musts, Link("a", "c", False, 4)], "links.csv")
    told = r"Ada and Ben are two animals in the training table, but .*Ada = a \(training table\), a = b \(line 2\)"
    with pytest.raises(LinksError, match=told):
        weak.groups_of(["a", "b", "c"], np.array([0, -1, 1]), musts, "links.csv", ["Ada", "Ben"])


def test_sightings_become_links(tmp_path: Path) -> None:
    rows = [
        ("a1", "t1", "2020-05-01", "north"),
        ("a2", "t1", "2020-05-01", "north"),
        ("a3", "t1", "2020-05-02", "south"),
        ("b1", "t2", "2020-05-01", "south"),
        ("c1", "", "2020-05-01", "south"),
        ("d1", "", "2020-05", "north"),
        ("e1", "", "2020-05-02", ""),
    ]
    links = weak.of_sightings(pd.DataFrame(rows, columns=["photo", "track", "date", "place"]), "seen.csv")
    assert {(one.first, one.second) for one in links if one.must} == {("a1", "a2"), ("a2", "a3")}
    # of track t1 one photo stands for the day, south's two photos may show one animal, a month and no place say nothing
    assert {(one.first, one.second) for one in links if not one.must} == {("a1", "b1"), ("a1", "c1")}
    weak.write(tmp_path / "links.csv", links)
    read = weak.read(tmp_path / "links.csv")
    assert [(one.first, one.second, one.must) for one in read] == [(one.first, one.second, one.must) for one in links]
    assert [one.line for one in read] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"Image": ["a"], "beach": ["x"]}, "it takes a column Image"),
        ({"Image": ["a", "a"], "track": ["", ""]}, "line 3: a has a row already"),
        (
            {"Image": ["a", "b"], "track": ["t", "t"], "date": ["2020-05-01"] * 2, "place": ["n", "s"]},
            "track t is at n and s on 2020-05-01",
        ),
    ],
)
def test_sightings_that_say_nothing_or_too_much(table: dict, message: str) -> None:
    with pytest.raises(LinksError, match=message):
        weak.of_sightings(pd.DataFrame(table), "seen.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("first,second\na,b\n", "has no column link"),
        ("first,second,link\na,b,must\na,c,maybe\n", "line 3: link 'maybe'"),
        ("first,second,link\na,,must\n", "line 2: a photo's name is missing"),
        ("first,second,link\na, a,cannot\n", "line 2: a is linked with itself"),
        (None, "no such table of links"),
    ],
)
def test_a_csv_that_cannot_be_read(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "links.csv").write_text(text)
    with pytest.raises(LinksError, match=message):
        weak.read(tmp_path / "links.csv")
