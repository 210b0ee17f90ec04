"""Worst mistakes: their order, what is said of them, and the training passports beside them."""

import html
import re

import numpy as np
import pytest

from whichwhale import predictions
from whichwhale.predictions import ROLE_VALIDATION
from whichwhale.report.mistakes import MOST, Likeness, chance, mistakes
from whichwhale.report.sources import Sources


def number(photo: str) -> int:
    return int(photo.removeprefix("w_").removesuffix(".jpg"))


@pytest.mark.parametrize("photo", [10, 11, 12, 50])
def test_the_nearest_training_passport_by_embedding(sources: Sources, photo: int) -> None:
    """conftest: embedding (axis of the whale, n / 100). Of the own whale (n % 5) photos n ± 5 are about as near, both in other
    folds (n % 3); of another whale the dot product grows with n, so that it is the last one that this fold trained on."""
    likeness = Likeness(sources)
    assert likeness.member.name == "soft"
    own = [n for n in range(photo % 5, 92, 5) if n % 3 != photo % 3]
    angle = {n: abs(np.arctan(n / 100) - np.arctan(photo / 100)) for n in own}
    found, cosine = likeness.nearest(f"w_{photo}.jpg", photo % 5)
    assert number(found) == min(own, key=angle.get)
    assert cosine == pytest.approx(np.cos(angle[number(found)]), abs=1e-6)
    other = (photo + 1) % 5
    found, _ = likeness.nearest(f"w_{photo}.jpg", other)
    assert number(found) == max(n for n in range(other, 92, 5) if n % 3 != photo % 3)


def test_the_worst_come_first_with_guess_and_truth(sources: Sources) -> None:
    table = predictions.read(sources.config.runs / "ensemble" / "predictions.npz")
    rows = table.role == ROLE_VALIDATION
    p = np.exp(table.logits[rows].astype(float))
    photos = [item.removesuffix("#0") for item in table.item[rows]]
    truth = np.array([number(photo) % 5 for photo in photos])
    loss = -np.log(p[np.arange(len(p)), truth] / p.sum(axis=1))
    wrong = np.flatnonzero(p.argmax(axis=1) != truth)
    worst = sorted(wrong, key=lambda row: -loss[row])[:MOST]
    page = mistakes(sources)
    titles = re.findall(r"<b>Who is it\?</b> (\S+), log loss ([\d.]+)<", page)
    assert titles == [(photos[row], f"{loss[row]:.2f}") for row in worst]
    text = html.unescape(page)
    assert f"Guess: whale_{p[worst[0]].argmax()}<&>, {chance(p[worst[0]].max())}" in text
    assert f"Truth: whale_{truth[worst[0]]}<&>, " in text
    assert f"of {len(wrong)} wrong guesses in {len(p)} photos." in text


@pytest.mark.parametrize(
    ("p", "told"),
    [
        (0.871, "87%"),
        (0.01, "1%"),
        (0.9963, "99.63%"),
        (1.0, "99.99%"),
        (0.004, "0.4%"),
        (1 / 43210, "1 in 43,000"),
        (1e-6, "1 in 1,000,000"),
    ],
)
def test_a_probability_in_words(p: float, told: str) -> None:
    assert chance(p) == told
