"""What a survey consists of: whales, encounters, photos, who is in which, and which photos are the test. Draws no picture."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whichwhale.survey import conditions, placement
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


@dataclass(frozen=True)
class Survey:
    """What the command line asks for. `test_photos` are among `photos`; `unknown` animals appear in the test set only, beside
    `whales` known ones. `close_up` photos show little but the head, bonnet tip to the right."""

    whales: int = 60
    photos: int = 900
    width: int = 1152
    seed: int = 0
    test_photos: int = 225
    unknown: int = 0
    close_up: bool = False

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
        training = self.photos - self.test_photos
        if training < self.whales:
            fix = "raise --photos, or lower --whales or the test share"
            raise ValueError(f"{training} training photos can't show {self.whales} whales; {fix}")

    @property
    def height(self) -> int:
        """Pixels; the competition's photos are 3:2."""
        return round(self.width * 2 / 3)


@dataclass(frozen=True)
class Frame:
    """One photo of the plan: `whale` number (those ≥ survey.whales are unknown animals), the name it has in the tables,
    points [2, 2] and box in pixels."""

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


def draw(survey: Survey) -> list[Frame]:
    """All photos, whale by whale. The same survey gives the same plan."""
    rng = np.random.default_rng([survey.seed, 0])
    total = survey.whales + survey.unknown
    weight = rng.gamma(PHOTOS_SHAPE, size=total)
    known = weight[: survey.whales] / weight[: survey.whales].sum()
    train = np.zeros(total, int)
    train[: survey.whales] = 1 + rng.multinomial(survey.photos - survey.test_photos - survey.whales, known)
    test = np.concatenate([np.zeros(survey.whales, int), np.ones(survey.unknown, int)])
    test += rng.multinomial(survey.test_photos - survey.unknown, weight / weight.sum())
    numbers = rng.permutation(2 * survey.photos)[: survey.photos] + 1
    names = [f"whale_{number:05d}" for number in rng.permutation(99_999)[:total] + 1]
    frames: list[Frame] = []
    encounter = 0
    for whale in range(total):
        left = train[whale] + test[whale]
        in_test = rng.permutation(left) < test[whale]
        while left:
            size = min(left, 1 + int(rng.choice(4, p=ENCOUNTER_SIZES)))
            roles = in_test[left - size : left]
            images = [f"w_{number}.jpg" for number in numbers[len(frames) : len(frames) + size]]
            frames += _encounter(survey, whale, names[whale], encounter, images, roles)
            encounter += 1
            left -= size
    return frames


def _encounter(survey: Survey, whale: int, name: str, encounter: int, images: list[str], roles: NDArray[np.bool_]) -> list[Frame]:
    rng = np.random.default_rng([survey.seed, 3, encounter])
    location = list(PLACES)[rng.integers(len(PLACES))]
    month = int(rng.choice(PLACES[location]))
    date = datetime.date(int(rng.integers(2003, 2015)), month, int(rng.integers(1, 29)))
    sea, light = conditions.draw_sea(rng), conditions.draw_light(rng)
    frames = []
    for image, test in zip(images, roles, strict=True):
        number = int(image[2:-4])
        own = np.random.default_rng([survey.seed, 4, number])
        its_sea, its_light = conditions.vary(sea, light, own)
        shot = Shot(
            (survey.seed, 5, number),
            placement.draw_close_up(own) if survey.close_up else placement.draw(own),
            conditions.draw_pose(own),
            its_sea,
            its_light,
            conditions.draw_camera(own),
        )
        points = View(shot.pose, shot.camera, shot.place, survey.width, survey.height).points()
        box = placement.draw_box(own, points[0], points[1], survey.width, survey.height)
        frames.append(Frame(image, whale, name, bool(test), encounter, date, location, shot, points, box))
    return frames


def whale_of(survey: Survey, frame: Frame) -> Whale:
    """The animal in a photo."""
    return Whale.draw(survey.seed, frame.whale)
