"""What ensemble.py can be told."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from whichwhale.blend.pool import LEAST_FLOOR, TestFrom
from whichwhale.blend.recipes import AUTO, DEFAULT, parse
from whichwhale.blend.rows import FitOn
from whichwhale.competition import Competition, folds
from whichwhale.competition import config as competition
from whichwhale.config import Config, input_dir, runs_dir


class DataConfig(competition.DataConfig):
    """Where the competition's tables are, and with `skip_bad` its photos: the members were fitted without the bad ones."""

    root: str = ""  # folder below input/, or an absolute path; the dataset's name if empty


class EnsembleConfig(Config):
    """One blend: which models, fitted how, written where."""

    dataset: str  # folder below runs/ in which the members are
    # Models: folders below runs/<dataset>/. MODEL_neighbours, if nobody made such a model, looks for the photo's neighbours among
    # those that the fits of MODEL trained on, by MODEL's embeddings; `neighbours_scale` says how much closeness counts there:
    # a number, or `fit` for the one of least out-of-fold log loss, of each model its own.
    members: list[str] = Field(min_length=1)
    neighbours_scale: Annotated[float, Field(gt=0, le=300)] | Literal["fit"] = 20.0
    data: DataConfig = DataConfig()
    name: str = "ensemble"  # runs/<dataset>/<name>/ keeps the weights (blend.json) and the blend's own predictions.npz
    l2: float = Field(1e-3, ge=0, allow_inf_nan=False)  # pull toward equal scaled weights, see blend.pool.fit
    floor: float = Field(1e-6, ge=LEAST_FLOOR, lt=1)  # least probability of any whale
    # How: a pool and what follows it, such as log_linear, mixture+power, log_linear+prior, logit or trees (blend/recipes.py), or
    # auto: the simplest that nothing beats in nested cross-validation.
    choose: str = DEFAULT
    test: TestFrom = "both"  # test rows: mean of fold models, the model fitted on all photos, half each
    # What is fitted on: the rows that one fold model each left out (several, where models have several partitions of the photos),
    # or the photos that every fold model left out (folds.calibration of the members' configs), whose rows are means as well.
    fit_on: FitOn = "out_of_fold"
    # Further power for test rows: means over fits err less than the single fold models on whose rows the weights are fitted.
    # No labelled row tells how much less; a survey's test truth does (docs/decisions.md).
    test_power: float = Field(1.0, gt=0, allow_inf_nan=False)
    output: Path | None = None  # submission; submissions/<dataset>.csv.gz if not given (<dataset>_top5.csv.gz)
    # probabilities: one column a whale. top5: `Image,Id`, the five best guesses, as the later whale competitions want them;
    # those with a probability below `new_whale` come after that id (python -m whichwhale.score tells a good value).
    format: Literal["probabilities", "top5"] = "probabilities"
    new_whale: float | None = Field(None, ge=0, le=1)

    @field_validator("output")
    @classmethod
    def _is_csv(cls, output: Path | None) -> Path | None:
        if output is not None and not output.name.endswith((".csv", ".csv.gz")):
            raise ValueError("a submission's name ends in .csv or .csv.gz")
        return output

    @field_validator("choose")
    @classmethod
    def _is_a_recipe(cls, choose: str) -> str:
        if choose != AUTO:
            parse(choose)
        return choose

    @model_validator(mode="after")
    def _names_differ(self) -> "EnsembleConfig":
        if len(set(self.members)) < len(self.members):
            raise ValueError("members: a model is named twice")
        if self.name in self.members:
            raise ValueError(f"name: {self.name!r} is a member as well; the blend needs a folder of its own")
        return self

    @model_validator(mode="after")
    def _calibrated_on_what_is_answered(self) -> "EnsembleConfig":
        if self.fit_on == "calibration" and self.test != "folds":
            raise ValueError(f"fit_on=calibration fits on means of fold models, but test={self.test}; say test=folds")
        return self

    @model_validator(mode="after")
    def _threshold_has_a_use(self) -> "EnsembleConfig":
        if self.new_whale is not None and self.format != "top5":
            raise ValueError(f"new_whale={self.new_whale:g} is for lists of five; say format=top5, or leave new_whale out")
        return self

    @property
    def root(self) -> Path:
        """The competition's folder."""
        return input_dir() / (self.data.root or self.dataset)

    def competition(self, images: str = "") -> Competition:
        """The competition's tables, without bad training photos if they are to be skipped; otherwise no photo is looked at.

        `images` is the folder of the photos, if it is another than `data.images`.
        """
        data = self.data.model_copy(update={"root": self.data.root or self.dataset} | ({"images": images} if images else {}))
        return data.read(self.runs) if data.skip_bad else data.read_tables()

    def folds(self, tables: Competition) -> dict[str, int]:
        """The fold of each labelled photo that one leaves out, from the data set's folds.csv; empty if there is none."""
        path = self.runs / "folds.csv"
        if not path.exists():
            return {}
        dealt = folds.without(folds.read(path), tables.train, tables.skipped)
        dealt = dealt[dealt["fold"] >= 0]
        return dict(zip(dealt["Image"], dealt["fold"].tolist(), strict=True))

    def set_aside(self) -> set[str]:
        """The labelled photos that every fold model leaves out (folds.calibration); empty if there are none."""
        path = self.runs / "folds.csv"
        if not path.exists():
            return set()
        dealt = folds.read(path)
        return set(dealt.loc[dealt["fold"] == folds.CALIBRATION, "Image"])

    @property
    def runs(self) -> Path:
        """Where the members' folders are."""
        return runs_dir() / self.dataset

    @property
    def submission(self) -> Path:
        """File to write."""
        return self.output or Path("submissions") / f"{self.dataset}{'_top5' if self.format == 'top5' else ''}.csv.gz"

    @property
    def provenance(self) -> Path:
        """The text beside the submission."""
        return beside(self.submission, ".txt")

    @property
    def record(self) -> Path:
        """The machine's version of that text."""
        return beside(self.submission, ".json")


def beside(submission: Path, ending: str) -> Path:
    """The file of a submission's name with another ending than .csv or .csv.gz."""
    return submission.with_name(re.sub(r"\.csv(\.gz)?$", "", submission.name) + ending)
