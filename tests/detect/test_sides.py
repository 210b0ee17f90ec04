"""Which side a paired part is on: what labelled photos teach, and what becomes of boxes whose side was guessed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.annotations import build
from whichwhale.detect import sides
from whichwhale.detect.detections import Detections
from whichwhale.detect.truth import Truth

PARTS = ["head", "flipper_left", "flipper_right", "fluke"]
HEAD, LEFT, RIGHT, FLUKE = range(4)
MIRRORED = {"flipper_left": "flipper_right"}
# An animal that swims to the right, in px from its head's centre: with y downwards its left is above.
PLACES = {"head": (0.0, 0.0), "flipper_left": (-30.0, -25.0), "flipper_right": (-30.0, 25.0), "fluke": (-100.0, 0.0)}


def placed(turn: float = 0.0, size: float = 1.0, mirrored: bool = False, x: float = 0.0, y: float = 0.0) -> dict[str, np.ndarray]:
    """Centres of the parts of a turned animal; in a mirror image the two flippers have changed their names."""
    flip = np.diag([1.0, -1.0 if mirrored else 1.0])
    matrix = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ flip
    other = {"flipper_left": "flipper_right", "flipper_right": "flipper_left"} if mirrored else {}
    return {other.get(part, part): matrix @ at + (x, y) for part, at in PLACES.items()}


def box(centre: np.ndarray, side: float = 10.0) -> list[float]:
    return [*(centre - side / 2), side, side]


def truth(animals: list[dict[str, np.ndarray]]) -> Truth:
    """A photo each."""
    rows = [
        {"Image": f"{k}.jpg", "part": part, "item": f"{k}.jpg#0"}
        | dict(zip(("x", "y", "width", "height"), box(at, 20), strict=True))
        for k, animal in enumerate(animals)
        for part, at in animal.items()
    ]
    return Truth(build(rows, []), [f"{k}.jpg" for k in range(len(animals))], PARTS)


def detected(*rows: tuple[int, float, np.ndarray]) -> Detections:
    """Of one photo: part, score, centre."""
    part, score, centre = zip(*rows, strict=True)
    boxes = np.array([box(one) for one in centre])
    return Detections(["a"], PARTS, np.zeros(len(rows), np.int64), np.array(part), np.array(score), boxes)


def scores_at(found: Detections, centre: np.ndarray) -> dict[int, float]:
    here = np.linalg.norm(found.box[:, :2] + found.box[:, 2:] / 2 - centre, axis=1) < 1e-6
    return dict(zip(found.part[here].tolist(), found.score[here].tolist(), strict=True))


@pytest.fixture(scope="module")
def learnt() -> list[sides.PairSides]:
    animals = [placed(turn, 1 + 0.1 * k, mirrored=k % 2 == 1) for k, turn in enumerate(np.linspace(0, 6, 12))]
    known = truth(animals)
    return sides.learn(known, known.images, MIRRORED)


def test_photos_of_any_turn_size_and_hand_teach_one_rule(learnt: list[sides.PairSides]) -> None:
    """From head to fluke and on to a flipper: at the middle, 50 px from the head, a left one lies 20 px ahead and 25 aside."""
    (pair,) = learnt
    assert (pair.left, pair.right, pair.axes) == ("flipper_left", "flipper_right", [["head", "fluke"]])
    at = placed()
    sine = 25 / np.hypot(20, 25)
    for part, sign in (("flipper_left", 1), ("flipper_right", -1)):
        assert pair.log_odds(at[part], at) == pytest.approx(sign * pair.weights[0] * sine)
    assert pair.weights[0] > 1


def test_a_guessed_side_is_told(learnt: list[sides.PairSides]) -> None:
    at = placed(1.0, x=200, y=150)
    guessed = [(LEFT, 0.3, at["flipper_left"]), (RIGHT, 0.3, at["flipper_left"]), (RIGHT, 0.2, at["flipper_right"])]
    found = sides.tell(detected((HEAD, 0.9, at["head"]), (FLUKE, 0.6, at["fluke"]), *guessed), learnt, 0.5, 0.01)
    odds = np.exp(learnt[0].log_odds(at["flipper_left"], at))
    assert scores_at(found, at["flipper_left"]) == pytest.approx({LEFT: 0.6 * odds / (1 + odds), RIGHT: 0.6 / (1 + odds)})
    right = scores_at(found, at["flipper_right"])
    assert right.keys() == {RIGHT} and 0.19 < right[RIGHT] < 0.2  # the little that is left's is less than counts
    assert scores_at(found, at["head"]) == {HEAD: 0.9} and scores_at(found, at["fluke"]) == {FLUKE: 0.6}


def test_a_sure_net_outweighs_the_place(learnt: list[sides.PairSides]) -> None:
    at = placed()
    found = sides.tell(
        detected((HEAD, 0.9, at["head"]), (FLUKE, 0.6, at["fluke"]), (RIGHT, 0.9, at["flipper_left"])), learnt, 0.5, 0.001
    )
    here = scores_at(found, at["flipper_left"])
    assert here[RIGHT] > 0.8


@pytest.mark.parametrize("seen", [[], [(HEAD, 0.9)], [(HEAD, 0.9), (FLUKE, 0.05)]])
def test_where_the_axis_is_unknown_nothing_changes(learnt: list[sides.PairSides], seen: list[tuple[int, float]]) -> None:
    at = placed()
    rows = [(part, score, at[PARTS[part]]) for part, score in seen]
    before = detected(*rows, (LEFT, 0.3, at["flipper_left"]), (RIGHT, 0.2, at["flipper_left"]))
    found = sides.tell(before, learnt, 0.5, 0.01)
    for key in ("photo", "part", "score", "box"):
        np.testing.assert_array_equal(getattr(found, key), getattr(before, key))


def test_each_flipper_goes_by_its_own_animal(learnt: list[sides.PairSides]) -> None:
    """Two that swim opposite ways, side by side: what is left of one would be right of the other."""
    one, other = placed(), placed(np.pi, x=400, y=900)
    rows = [(part, 0.8, animal[PARTS[part]]) for animal in (one, other) for part in (HEAD, FLUKE)]
    rows += [(part, 0.3, animal["flipper_left"]) for animal in (one, other) for part in (LEFT, RIGHT)]
    found = sides.tell(detected(*rows), learnt, 0.5, 0.01)
    for animal in (one, other):
        here = scores_at(found, animal["flipper_left"])
        assert here[LEFT] > 3 * here[RIGHT]


@given(
    turn=st.floats(0, 6.3), size=st.floats(0.3, 3), x=st.floats(-500, 500), y=st.floats(-500, 500), mirrored=st.booleans(),
    left=st.floats(0.02, 0.5), right=st.floats(0.02, 0.5),
)  # fmt: skip
def test_neither_place_nor_turn_nor_size_nor_mirror_matter(
    learnt: list[sides.PairSides], turn: float, size: float, x: float, y: float, mirrored: bool, left: float, right: float
) -> None:
    """And what the boxes of a flipper score together stays."""

    def told(at: dict[str, np.ndarray], one: str, names: tuple[int, int]) -> list[float]:
        rows = [(HEAD, 0.9, at["head"]), (FLUKE, 0.9, at["fluke"]), (names[0], left, at[one]), (names[1], right, at[one])]
        here = scores_at(sides.tell(detected(*rows), learnt, 0.5, 1e-6), at[one])
        return [here[name] for name in names]

    plain = told(placed(), "flipper_left", (LEFT, RIGHT))
    names = ("flipper_right", (RIGHT, LEFT)) if mirrored else ("flipper_left", (LEFT, RIGHT))
    assert told(placed(turn, size, mirrored, x, y), *names) == pytest.approx(plain, rel=1e-6)
    assert sum(plain) == pytest.approx(left + right)


def test_parts_that_lie_anywhere_teach_nothing() -> None:
    rng = np.random.default_rng(0)
    animals = [{part: rng.uniform(0, 300, 2) for part in PARTS} for _ in range(400)]
    known = truth(animals)
    (pair,) = sides.learn(known, known.images, MIRRORED)
    assert abs(pair.weights[0]) < 0.3


def test_nothing_is_learnt_where_there_is_no_axis() -> None:
    alone = [{"head": np.zeros(2), "flipper_left": np.ones(2)}]
    known = truth(alone)
    assert sides.learn(known, known.images, MIRRORED) == []
    assert sides.learn(truth([placed()]), ["0.jpg"], {}) == []


def test_what_was_learnt_is_read_back(learnt: list[sides.PairSides], tmp_path: Path) -> None:
    assert sides.read(tmp_path) == []
    sides.write(tmp_path, [])
    assert not (tmp_path / sides.FILE).exists()
    sides.write(tmp_path, learnt)
    assert sides.read(tmp_path) == learnt
    sides.write(tmp_path, [])  # predicted anew with sides=false
    assert sides.read(tmp_path) == []
