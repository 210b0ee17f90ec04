"""The worst mistakes: the passport, the guess and the truth, and of both the training passport that looks most like it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from whichwhale import predictions
from whichwhale.blend.assemble import Member
from whichwhale.predictions import ROLE_TRAIN, Predictions, split_item
from whichwhale.report import page
from whichwhale.report.pictures import passport
from whichwhale.report.results import best_answers
from whichwhale.report.sources import Absent, Answers, Sources
from whichwhale.score import log_loss_rows, rank_of_truth

MOST = 10


def mistakes(sources: Sources) -> str:
    """The out-of-fold answers with the highest log loss among those whose first guess is wrong. Photos without any prediction,
    which count with the class prior elsewhere, are nobody's guess."""
    answers = best_answers(sources)
    seen = set().union(*(member.images for member in sources.members[0].values()))
    guessed = np.array([image in seen or not seen for image in answers.images], bool)
    loss, rank = log_loss_rows(answers.p, answers.truth), rank_of_truth(answers.p, answers.truth)
    wrong = np.flatnonzero((rank > 0) & guessed)
    if not len(wrong):
        raise Absent(f"The first guess of {answers.name} is right in all {guessed.sum()} photos.")
    worst = wrong[np.argsort(-loss[wrong], kind="stable")][:MOST]
    likeness = Likeness(sources)
    told = (
        f"The {len(worst)} photos that cost {answers.name} most, of {len(wrong):,} wrong guesses in {guessed.sum():,} photos. "
        "Look for heads awash, poor points, and photos that may bear the wrong name. Beside each the training passport that "
        f"looks most like it, of the whale that was guessed and of the true one ({likeness.told})."
    )
    return page.paragraph(told) + "".join(
        _mistake(sources, answers, int(row), float(loss[row]), int(rank[row]), likeness) for row in worst
    )


def _mistake(sources: Sources, answers: Answers, row: int, loss: float, rank: int, likeness: Likeness) -> str:
    photo, names = answers.images[row], sources.tables.class_id
    guess, truth = int(answers.p[row].argmax()), int(answers.truth[row])
    share = answers.p[row] / answers.p[row].sum()
    own = _picture(sources, photo, f"Passport of photo {photo}, in truth {names[truth]}, taken for {names[guess]}")
    figures = [page.figure(own, f"{photo}, log loss {loss:.2f}", strong="Who is it?")]
    for what, column in (("Guess", guess), ("Truth", truth)):
        like, cosine = likeness.nearest(photo, column)
        if like is None:
            picture, caption = page.blank("no training passport"), "not learned from in this fold"
        else:
            picture = _picture(sources, like, f"Training passport of {names[column]}, photo {like}")
            caption = like if cosine is None else f"{like}, similarity {cosine:.2f}".replace("-", "−")
        if what == "Truth":
            caption = f"guess no. {rank + 1}; {caption}"
        figures.append(page.figure(picture, caption, strong=f"{what}: {names[column]}, {chance(share[column])}"))
    return f'<article class="mistake"><div class="three">{"".join(figures)}</div></article>'


def chance(p: float) -> str:
    """A probability as people read it: 87 %, 0.4 %, 1 in 40,000."""
    if p >= 0.01:
        return f"{p:.0%}" if p < 0.995 else f"{min(p, 0.9999):.2%}"
    return f"{p:.1%}" if p >= 0.001 else f"1 in {round(1 / p, -int(np.floor(np.log10(1 / p))) + 1):,.0f}"


def _picture(sources: Sources, photo: str, alternative: str) -> str:
    try:
        found = passport(sources.store, photo, alternative, width=300)
    except Absent:
        found = None
    return found or page.blank("no passport")


@dataclass(frozen=True)
class Likeness:
    """Which training photo of a whale looks most like a photo, to the model of the fold that left that photo out."""

    sources: Sources

    @cached_property
    def member(self) -> Member | None:
        """The first member whose predictions have an embedding."""
        for name, member in self.sources.members[0].items():
            if self._file(name, int(member.fold[0])).embedding.shape[1]:
                return member
        return None

    @property
    def told(self) -> str:
        """What "most alike" means here, for people."""
        if self.member is None:
            return "no member has an embedding, so it is simply the first photo of the whale"
        return (
            f"by the cosine of {self.member.name}'s embeddings, 1 being the same; from the fold model that had not seen the photo"
        )

    def nearest(self, photo: str, column: int) -> tuple[str | None, float | None]:
        """(photo, cosine) of the nearest training photo of whale `column`; without an embedding its first other photo, None."""
        own = [image for image, label in self.sources.column.items() if label == column and image != photo]
        place = self._fold_of.get(photo)
        if self.member is None or place is None:
            return (own[0] if own else None), None
        table, rows = self._file(self.member.name, place), self._rows(self.member.name, place)
        trained = [image for image in own if image in rows and table.role[rows[image]] == ROLE_TRAIN]
        if not trained:
            return None, None
        cosine: NDArray[np.float32] = table.embedding[[rows[image] for image in trained]] @ table.embedding[rows[photo]]
        return trained[int(cosine.argmax())], float(cosine.max())

    @cached_property
    def _fold_of(self) -> dict[str, int]:
        member = self.member
        return {} if member is None else dict(zip(member.images, member.fold.tolist(), strict=True))

    @cached_property
    def _tables(self) -> dict[tuple[str, int], Predictions]:
        return {}

    def _file(self, name: str, fold: int) -> Predictions:
        if (name, fold) not in self._tables:
            self._tables[name, fold] = predictions.read(self.sources.config.runs / name / f"fold{fold}" / "predictions.npz")
        return self._tables[name, fold]

    def _rows(self, name: str, fold: int) -> dict[str, int]:
        """Photo -> row of its first animal."""
        table = self._file(name, fold)
        return {image: row for row, item in enumerate(table.item) for image, k in [split_item(item)] if k == 0}
