"""What a survey consists of: whales, encounters, photos, who is in which, and which photos are the test. Draws no picture."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whichwhale.survey import conditions, lifelike, patterns, placement, wild
from whichwhale.survey.identity import Whale
from whichwhale.survey.pose import View
from whichwhale.survey.scene import Shot

# Training photos of a whale in the real competition (train.csv of the head crops: 447 whales, mean 8.06, sd 5.45, 24 whales
# with one photo): one plus a negative binomial of this shape, which gives 19 single photos and the sd. The mean is the survey's
# own.
PHOTOS_SHAPE = 2.2
ENCOUNTER_SIZES = (0.42, 0.28, 0.18, 0.12)  # 1 to 4 photos
# The animals' yearly round, with the months in which they are seen there.
PLACES = {
    "southeast_calving_ground": (12, 1, 2, 3),
    "cape_cod_bay": (1, 2, 3, 4, 5),
    "great_south_channel": (4, 5, 6, 7),
    "bay_of_fundy": (7, 8, 9, 10),
    "roseway_basin": (7, 8, 9),
}
NEW_WHALE = "new_whale"
OPEN_SEA = "no_whale"  # what the tables call photos in which there is none
NOBODY = -1  # the number of the whale in them
COMPANIONS = 1_000_000  # numbers of second whales begin here: each appears in one photo and is nobody that the tables know


@dataclass(frozen=True)
class Survey:
    """What the command line asks for. `test_photos` are among `photos`; `unknown` animals appear in the test set only, beside
    `whales` known ones. `close_up` photos show little but the head, bonnet tip to the right. `two` of the photos show a second
    whale, `none` further ones the open sea; all others stay as they are. `parts`: boxes of named parts are written too. `wild`:
    sea, light, camera, pose, place, size and the animals' colours vary far more than in real photos (wild.py). `lifelike`
    close-ups have skin, water and camera as real head crops do, and other whales, with the variety of real patterns."""

    whales: int = 60
    photos: int = 900
    width: int = 1152
    seed: int = 0
    test_photos: int = 225
    unknown: int = 0
    close_up: bool = False
    two: int = 0
    none: int = 0
    parts: bool = False
    wild: bool = False
    lifelike: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError, naming the option and what would do."""
        if self.whales < 2:
            raise ValueError(f"--whales {self.whales}: there must be at least 2 to tell apart")
        if self.width < 96:
            raise ValueError(f"--width {self.width}: heads would be smaller than 8 pixels; give at least 96")
        if self.seed < 0 or self.unknown < 0:
            raise ValueError("--seed and --unknown must not be negative")
        if not self.unknown < max(self.test_photos, 1) < self.photos:
            limits = f"more than --unknown ({self.unknown}) and less than --photos ({self.photos})"
            raise ValueError(f"test photos ({self.test_photos}) must be {limits}")
        for option, value in (("--two", self.two), ("--none", self.none)):
            if not 0 <= value <= self.photos:
                raise ValueError(f"{option} {value}: must be at least 0 and at most --photos ({self.photos})")
        if self.close_up and self.two:
            raise ValueError("--two: a close-up has no room for a second whale; leave --close-up or --two out")
        if self.lifelike and not self.close_up:
            raise ValueError("--lifelike: only close-ups can be drawn so; give --close-up too")
        if self.lifelike and (self.wild or self.parts):
            other = "--wild" if self.wild else "--parts"
            raise ValueError(f"--lifelike: does not go with {other}; leave one of them out")
        training = self.photos - self.test_photos
        if training < self.whales:
            fix = "raise --photos, or lower --whales or the test share"
            raise ValueError(f"{training} training photos can't show {self.whales} whales; {fix}")

    @property
    def height(self) -> int:
        """Pixels; the competition's photos are 3:2."""
        return round(self.width * 2 / 3)


@dataclass(frozen=True)
class Companion:
    """A second whale in a photo: its number, how it lies (`shot` has the photo's sea, light and camera), points [2, 2] and box in
    pixels."""

    whale: int
    shot: Shot
    points: NDArray[np.float64]
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Frame:
    """One photo of the plan: `whale` number (those ≥ survey.whales are unknown animals, NOBODY: there is none), the name it has
    in the tables, points [2, 2] and box in pixels (NaN if there is none)."""

    image: str
    whale: int
    name: str
    test: bool
    encounter: int
    date: datetime.date
    location: str
    shot: Shot
    points: NDArray[np.float64]
    box: tuple[float, float, float, float]
    company: tuple[Companion, ...] = ()


def draw(survey: Survey) -> list[Frame]:
    """All photos, whale by whale, then those of the open sea. The same survey gives the same plan."""
    rng = np.random.default_rng([survey.seed, 0])
    total = survey.whales + survey.unknown
    weight = rng.gamma(PHOTOS_SHAPE, size=total)
    known = weight[: survey.whales] / weight[: survey.whales].sum()
    train = np.zeros(total, int)
    train[: survey.whales] = 1 + rng.multinomial(survey.photos - survey.test_photos - survey.whales, known)
    test = np.concatenate([np.zeros(survey.whales, int), np.ones(survey.unknown, int)])
    test += rng.multinomial(survey.test_photos - survey.unknown, weight / weight.sum())
    numbers = rng.permutation(2 * survey.photos) + 1
    names = [f"whale_{number:05d}" for number in rng.permutation(99_999)[:total] + 1]
    frames: list[Frame] = []
    encounter = 0
    for whale in range(total):
        left = train[whale] + test[whale]
        in_test = rng.permutation(left) < test[whale]
        while left:
            size = min(left, 1 + int(rng.choice(4, p=ENCOUNTER_SIZES)))
            size = 1 if survey.lifelike else size  # photos of one sea and light would be told by these
            roles = in_test[left - size : left]
            images = [f"w_{number}.jpg" for number in numbers[len(frames) : len(frames) + size]]
            frames += _encounter(survey, whale, names[whale], encounter, images, roles)
            encounter += 1
            left -= size
    return _joined(survey, frames) + _open_sea(survey, encounter, [f"w_{number}.jpg" for number in numbers[survey.photos :]])


def _joined(survey: Survey, frames: list[Frame]) -> list[Frame]:
    """The photos, with a second whale in `survey.two` of them."""
    frames, left = list(frames), survey.two
    for i in np.random.default_rng([survey.seed, 6]).permutation(len(frames)) if left else ():
        companion = _companion(survey, frames[i])
        if companion is not None:
            frames[i] = replace(frames[i], company=(companion,))
            left -= 1
        if not left:
            break
    if left:
        raise ValueError(f"--two {survey.two}: only {survey.two - left} photos have room for a second whale; ask for fewer")
    return frames


def _companion(survey: Survey, frame: Frame) -> Companion | None:
    number = int(frame.image[2:-4])
    rng = np.random.default_rng([survey.seed, 7, number])
    place = placement.draw_beside(rng, frame.shot.place)
    if place is None:
        return None
    pose = (wild if survey.wild else conditions).draw_pose(rng)
    shot = replace(frame.shot, key=(survey.seed, 8, number), place=place, pose=pose)
    points = View(shot.pose, shot.camera, place, survey.width, survey.height).points()
    box = placement.draw_box(rng, points[0], points[1], survey.width, survey.height)
    return Companion(COMPANIONS + number, shot, points, box)


def _open_sea(survey: Survey, encounter: int, images: list[str]) -> list[Frame]:
    """`survey.none` photos without a whale, as many of them test photos as of the others."""
    frames, tests = [], round(survey.none * survey.test_photos / survey.photos)
    for i in range(survey.none):
        role = np.array([i < tests])
        frames += _encounter(survey, NOBODY, OPEN_SEA, encounter + i, [images[i]], role)
    return [replace(frame, points=np.full((2, 2), np.nan), box=(math.nan,) * 4) for frame in frames]


def _encounter(survey: Survey, whale: int, name: str, encounter: int, images: list[str], roles: NDArray[np.bool_]) -> list[Frame]:
    rng = np.random.default_rng([survey.seed, 3, encounter])
    location = list(PLACES)[rng.integers(len(PLACES))]
    month = int(rng.choice(PLACES[location]))
    date = datetime.date(int(rng.integers(2003, 2015)), month, int(rng.integers(1, 29)))
    drawn = wild if survey.wild else lifelike if survey.lifelike else conditions
    place = placement.draw_close_up if survey.close_up else wild.draw_place if survey.wild else placement.draw
    sea, light = drawn.draw_sea(rng), drawn.draw_light(rng)
    frames = []
    for image, test in zip(images, roles, strict=True):
        number = int(image[2:-4])
        own = np.random.default_rng([survey.seed, 4, number])
        its_sea, its_light = drawn.vary(sea, light, own)
        key = (survey.seed, 5, number)
        look = lifelike.draw_look(np.random.default_rng([survey.seed, 10, number])) if survey.lifelike else None
        shot = Shot(key, place(own), drawn.draw_pose(own), its_sea, its_light, drawn.draw_camera(own), look)
        points = View(shot.pose, shot.camera, shot.place, survey.width, survey.height).points()
        box = placement.draw_box(own, points[0], points[1], survey.width, survey.height)
        frames.append(Frame(image, whale, name, bool(test), encounter, date, location, shot, points, box))
    return frames


def whale_of(survey: Survey, frame: Frame) -> Whale:
    """The animal in a photo that has one."""
    return _animal(survey, frame.whale)


def company_of(survey: Survey, frame: Frame) -> list[Whale]:
    """The other animals in a photo."""
    return [_animal(survey, other.whale) for other in frame.company]


def _animal(survey: Survey, number: int) -> Whale:
    if survey.lifelike:
        return patterns.draw(survey.seed, number)
    if not survey.wild:
        return Whale.draw(survey.seed, number)
    whale = (patterns.draw if number % 2 else Whale.draw)(survey.seed, number)  # half of them with the variety of real patterns
    return wild.vary_animal(whale, np.random.default_rng([survey.seed, 9, number]))
