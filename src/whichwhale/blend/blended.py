"""A blend from end to end, in memory: members assembled, weights fitted and scored, test photos answered. Nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend import partial
from whichwhale.blend.answering import answer
from whichwhale.blend.assemble import Member, assemble
from whichwhale.blend.choice import Choice, choose
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.cosines import cosines_of_labelled, cosines_of_test
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.pool import Pool, fit, mix_floor
from whichwhale.blend.recipes import DEFAULT
from whichwhale.blend.remarks import remarks
from whichwhale.blend.rows import OutOfFold, rows_of_test, rows_out_of_fold
from whichwhale.blend.scores import BOOTSTRAP_SEED, Score, score_all, score_chosen
from whichwhale.blend.uncertainty import uncertainty
from whichwhale.competition import Competition
from whichwhale.predictions import ROLE_TEST, ROLE_VALIDATION, Predictions
from whichwhale.score import Calibration, ranked_lists, submission, top5

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blended:
    """What a blend's config and the fits that it names come to.

    rows, truth     photos that are scored, and their true columns [N]
    pool, scores    fitted on all of them; scores of each member and of the pool
    honest          cross-fitted p of `rows` [N, C]; None with a single fold
    pool_honest     where another way is chosen: the log-linear pool's p [N, C], cross-fitted over the parts that `honest` is
    test_z          centred logits of the test photos [M, T, C], and by how many members each is predicted [T]
    """

    config: EnsembleConfig
    tables: Competition
    members: list[Member]
    rows: OutOfFold
    truth: NDArray[np.int64]
    pool: Pool
    scores: list[Score]
    honest: Floats | None
    test_z: Floats
    predicted_by: NDArray[np.int64]
    choice: Choice | None = None  # if the config asks for another way than the log-linear pool
    pool_honest: Floats | None = None

    def answers(self, pool: Pool | None = None) -> Floats:
        """p [T, C] of the test photos; those without any prediction get the class prior. `pool`: with other weights."""
        p = partial.answers(pool or self.pool, self.test_evidence())
        p[self.predicted_by == 0] = mix_floor(self.tables.prior()[None], self.config.floor)
        return p

    def test_evidence(self) -> Evidence:
        """What is known of the test photos."""
        return test_evidence(self.config, self.tables, self.members, self.test_z)

    def notes(self, p: Floats) -> list[str]:
        """What a reader of the scores and of the answers p [T, C] must know, a line each."""
        config, lists = self.config, []
        if config.format == "top5":
            limit = config.new_whale
            named = "never names new_whale" if limit is None else f"has new_whale before guesses below {limit:g}"
            lists.append(f"The submission lists five guesses a photo, best first, and {named}.")
        told = remarks(self.members, self.rows, self.tables, self.predicted_by, config)
        chosen = self.choice.lines() if self.choice else []
        claims = []
        if self.honest is not None and len(self.truth) > 1:
            claims = [f"Calibration of the blend, cross-fitted: {Calibration.of(self.honest, self.truth, seed=BOOTSTRAP_SEED)}."]
        return told + chosen + claims + lists + answered(self.tables, p)

    def as_predictions(self, p: Floats) -> Predictions:
        """The blend as one more model: cross-fitted rows for validation (none with a single fold), test rows; logits = log p.

        Photos without any prediction are among both, as the class prior.
        """
        test = self.tables.test
        images = ([] if self.honest is None else self.rows.images) + test
        role = [ROLE_VALIDATION] * (len(images) - len(test)) + [ROLE_TEST] * len(test)
        logits = np.log(p if self.honest is None else np.concatenate([self.honest, p]))
        members = ", ".join(self.pool.members)
        way = "log-linear pool" if self.pool.chosen is None else self.pool.chosen["name"]
        how = f"{way} of {members}; validation rows cross-fitted; class prior where no member has a row"
        return Predictions.of([f"{image}#0" for image in images], role, self.tables.class_id, logits, averaging=how)


def blend(config: EnsembleConfig, tables: Competition, elsewhere: Mapping[str, Path] | None = None) -> Blended:
    """Assemble, fit, score and answer. `elsewhere`: folders of members that are not to be read from the config's runs.

    Raises ValueError (AssembleError, PoolError, PredictionsError, FoldsError).
    """
    labelled, homes = tables.train["Image"].tolist(), {name: config.runs / name for name in config.members} | (elsewhere or {})
    members = [assemble(homes[name], tables.class_id, labelled, config.test) for name in config.members]
    rows = rows_out_of_fold(members, labelled, config.folds(tables), config.fit_on)
    labels = tables.labels()
    truth = truth_of(rows.images, tables)
    pool = fit(rows.z[:, rows.complete], truth[rows.complete], config.members, config.l2, config.floor)
    pool = replace(pool, test_power=config.test_power, test=config.test)
    prior = rows.prior(truth, labels, len(tables.class_id))
    scores, honest = score_all(rows, truth, config.members, pool, prior)
    choice = pool_honest = None
    if config.choose != DEFAULT:
        known = evidence_of(config, tables, members, rows)
        choice = _choose(config, tables, rows, truth, known)
        scores = [replace(one, name=DEFAULT) if one.name == "blend" else one for one in scores]
        if choice.fitted.name != DEFAULT:
            pool = replace(pool, chosen=choice.fitted.plain())
        same = answer(pool, known)
        more, honest, pool_honest = score_chosen(rows, truth, same, choice.honest, choice.pool, prior, config.floor)
        scores += more
        pool.scores["choice"] = choice.as_dict()
    pool.scores["out_of_fold"] = [score.as_dict() for score in scores]
    test_z, by = rows_of_test(members, tables.test)
    if ((by > 0) & (by < len(members))).any():
        here, asked = rows.answered, test_evidence(config, tables, members, test_z)
        images = [image for image, there in zip(rows.images, here, strict=True) if there]
        known = evidence_of(config, tables, members, rows)
        pool = partial.with_partial(pool, known, truth[here], images, asked, tables.prior())
    return Blended(config, tables, members, rows, truth, pool, scores, honest, test_z, by, choice, pool_honest)


def test_evidence(config: EnsembleConfig, tables: Competition, members: Sequence[Member], z: Floats) -> Evidence:
    """What is known of the test photos, of which z [M, T, C] are the members' rows."""
    unsure = None if config.choose == DEFAULT else uncertainty(config.runs, config.members, tables.test)
    return Evidence.of(config.members, tables.class_id, z, tables.prior(), unsure, cosines_of_test(members, tables.test))


def _choose(config: EnsembleConfig, tables: Competition, rows: OutOfFold, truth: NDArray[np.int64], known: Evidence) -> Choice:
    here = rows.answered
    return choose(
        config.choose,
        known,
        truth[here],
        [image for image, there in zip(rows.images, here, strict=True) if there],
        l2=config.l2,
        floor=config.floor,
        usable=rows.complete[here],
        prior=tables.prior(),
    )


def evidence_of(config: EnsembleConfig, tables: Competition, members: Sequence[Member], rows: OutOfFold) -> Evidence:
    """What is known of the photos that are answered. The prior is one for all, as for test photos: the other folds' counts would
    tell which whales a photo's own fold lacks or has, so a little of the answer, which nested parts couldn't notice."""
    unsure, cosines = uncertainty(config.runs, config.members, rows.images), cosines_of_labelled(members, rows.images)
    return Evidence.of(config.members, tables.class_id, rows.z, tables.prior(), unsure, cosines).rows(rows.answered)


def truth_of(images: Sequence[str], tables: Competition) -> NDArray[np.int64]:
    """Columns of the whales that labelled photos show [N]."""
    column = dict(zip(tables.train["Image"].tolist(), tables.labels().tolist(), strict=True))
    return np.array([column[image] for image in images], np.int64)


def write_submission(path: Path, config: EnsembleConfig, tables: Competition, p: Floats) -> None:
    """Write the answers p [T, C] in the format that the config says, and read them back to check them.

    Raises SubmissionError, also if there are too few whales for lists of five.
    """
    if config.format == "top5":
        top5.write(path, tables.test, ranked_lists(p, tables.class_id, new_whale=config.new_whale), tables.class_id)
        top5.validate_for(path, tables.test, tables.class_id)
        return
    submission.write(path, tables.test, tables.class_id, p)
    if tables.table is None:  # folders of classes: no sample says what is wanted
        submission.validate_for(path, tables.test, tables.class_id)
    else:
        submission.validate(path, config.root / config.data.sample_submission)


def answered(tables: Competition, p: Floats) -> list[str]:
    """What the test rows p [T, C] are worth where the data set knows the answers, as folders of classes do: a line, or none."""
    if not tables.answers:
        return []
    truth = np.array([tables.class_id.index(tables.answers[image]) for image in tables.test], np.int64)
    score = Score.of("test", "", None, p, truth)
    loss = f"{score.log_loss.mean:.4f} ({score.log_loss.low:.4f} to {score.log_loss.high:.4f})"
    ranks = f"top-1 {score.top_1:.1%}, top-5 {score.top_5:.1%}"
    return [f"The {len(truth)} test photos, whose answers are known and which no fit has seen: log loss {loss}, {ranks}."]
