"""What fitted models answer, as they predicted it: of labelled photos that they left out, and of test photos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from whichwhale.blend.assemble import assemble
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.pool import mix_floor
from whichwhale.blend.rows import rows_of_test, rows_out_of_fold
from whichwhale.blend.scores import with_prior
from whichwhale.competition import Competition
from whichwhale.score import Submission, read_answers

Floats = NDArray[np.float64]


def as_predicted(z: Floats, answered: NDArray[np.bool_], prior: Floats, floor: float) -> Floats:
    """Centred logits z [N, C] -> p [N, C] with the floor; the class prior [N, C] in the rows that are not answered [N]."""
    return with_prior(mix_floor(softmax(z, axis=1), floor), answered, prior, floor)


def out_of_fold_answers(folders: Sequence[Path], tables: Competition, config: EnsembleConfig) -> dict[str, Submission]:
    """What each model or blend says of photos that it left out, as `ensemble.py` scores it: the class prior where it has no row.

    Args:
        folders: of models (fold*/predictions.npz) and blends (predictions.npz, whose validation rows are cross-fitted).

    Raises:
        AssembleError, PredictionsError, ValueError: as `assemble` and `read_answers`.
    """
    labelled = tables.train["Image"].tolist()
    models = [folder for folder in folders if not _is_blend(folder)]
    answers = {folder.name: _of_blend(folder, labelled) for folder in folders if _is_blend(folder)}
    if models:
        members = [assemble(folder, tables.class_id, labelled, "folds") for folder in models]
        rows = rows_out_of_fold(members, labelled, config.folds(tables))
        labels = tables.labels()
        column = dict(zip(labelled, labels.tolist(), strict=True))
        prior = rows.prior(np.array([column[image] for image in rows.images], np.int64), labels, len(tables.class_id))
        for folder, z, has in zip(models, rows.z, rows.has, strict=True):
            answers[folder.name] = Submission(rows.images, tables.class_id, as_predicted(z, has, prior, config.floor))
    return {folder.name: answers[folder.name] for folder in folders}


def test_answers(folders: Sequence[Path], tables: Competition, config: EnsembleConfig) -> dict[str, Submission]:
    """What each model or blend says of the test photos, a model by the mean of its fits (`config.test`); the class prior where
    it has no row. Arguments and errors as `out_of_fold_answers`."""
    labelled, answers = tables.train["Image"].tolist(), {}
    prior = np.tile(tables.prior(), (len(tables.test), 1))
    for folder in folders:
        if _is_blend(folder):
            answers[folder.name] = _of_blend(folder, tables.test)
            continue
        member = assemble(folder, tables.class_id, labelled, config.test)
        z, predicted_by = rows_of_test([member], tables.test)
        p = as_predicted(z[0], predicted_by > 0, prior, config.floor)
        answers[folder.name] = Submission(tables.test, tables.class_id, p)
    return answers


def _is_blend(folder: Path) -> bool:
    return (folder / "predictions.npz").is_file() and not (folder / "fold0").exists()


def _of_blend(folder: Path, images: Sequence[str]) -> Submission:
    """The rows of a blend's own predictions.npz that are of `images`."""
    table, wanted = read_answers(folder / "predictions.npz"), set(images)
    rows = [row for row, image in enumerate(table.image) if image in wanted]
    return Submission([table.image[row] for row in rows], table.class_id, table.p[rows])
