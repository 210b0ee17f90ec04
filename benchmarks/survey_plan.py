"""What the survey benchmark consists of: its size, and its stages in order, each a command that anybody could type."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from whichwhale.config import input_dir, load, runs_dir
from whichwhale.identify.config import IdentifyConfig
from whichwhale.localize.config import AlignerConfig, LocalizerConfig
from whichwhale.nets import BackboneConfig

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs" / "survey"
GROUPS = ("survey", "points", "naive", "predicted", "true")
POINTS = ("bonnet_tip", "blowhole")

# Seconds on two cores, for the first estimate of the time left: of drawing a photo of 1152 x 768; of training on a million pixels
# with tf_efficientnet_lite0 (less for what is frozen), and of predicting from them; of starting a command.
PER_PHOTO, PER_TRAINED, PER_PREDICTED, PER_START = 0.18, 1.0, 0.25, 8.0


@dataclass(frozen=True)
class Size:
    """How large the benchmark is. `tiny` shrinks networks and pictures as well: it shows that the road is passable, no more."""

    whales: int = 60
    training: int = 1200
    test: int = 2000
    width: int = 1152
    folds: int = 3
    epochs: int = 12  # of classifier, embedding model and whole-photo model alike
    localizer_epochs: int = 8
    aligner_epochs: int = 16
    workers: int = 2  # processes that draw the survey
    tiny: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        """Plain numbers that the results depend on."""
        return {name: value for name, value in asdict(self).items() if name != "workers"}


TINY = Size(5, 40, 12, 288, 2, 1, 6, 6, 1, True)
TINY_NET = ("backbone.name=test_resnet", "backbone.weights=false", "fit.batch_size=8", "least_score=0", "heatmap.width=32")
KICK = 0.625  # of an identification model's epochs: when its configs' kick comes


@dataclass(frozen=True)
class Stage:
    """One command. `script` is a file under the checkout or `-m` and a module; `seconds` a first estimate of what it takes;
    `backbone` what it fits, if anything."""

    name: str
    group: str
    script: tuple[str, ...]
    arguments: tuple[str, ...]
    seconds: float
    backbone: BackboneConfig | None = None

    def command(self, python: str) -> list[str]:
        return [python, *self.script, *self.arguments]


@dataclass(frozen=True)
class Blend:
    """One line of the table for one seed: models pooled by ensemble.py into runs/DATASET/NAME."""

    row: str
    seed: int
    members: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.row}-{self.seed}"


def blends(seed: int) -> dict[str, list[Blend]]:
    """The blends of a seed, by group of stages."""
    predicted, true = [[f"{model}{kind}-{seed}" for model in ("classifier", "embedding")] for kind in ("", "-true")]
    return {
        "naive": [Blend("naive-alone", seed, (f"naive-{seed}",))],
        "predicted": [
            Blend("classifier-alone", seed, (predicted[0],)),
            Blend("embedding-alone", seed, (predicted[1],)),
            Blend("blend", seed, tuple(predicted)),
        ],
        "true": [Blend("blend-true", seed, tuple(true))],
    }


def submission(dataset: str, blend: str) -> Path:
    """Where a blend's submission goes."""
    return runs_dir() / dataset / "submissions" / f"{blend}.csv.gz"


def annotations(dataset: str) -> Path:
    """True points, beside the survey's photos."""
    return input_dir() / dataset / "annotations.csv"


def stages(size: Size, dataset: str, seeds: int) -> list[Stage]:
    """Every stage, in an order in which each finds what it needs; seed by seed, so that a table can be printed early."""
    data = (f"dataset={dataset}", f"data.root={dataset}", f"folds.count={size.folds}")
    home, photos = input_dir() / dataset, size.training + size.test
    plan = ("--whales", size.whales, "--photos", photos, "--test-photos", size.test, "--width", size.width, "--seed", 0)
    draw = tuple(map(str, (home, *plan, "--workers", size.workers)))
    drawing = photos * PER_PHOTO * (size.width / 1152) ** 2 * 2 / min(size.workers, 2) + PER_START
    found = [
        Stage("draw survey", "survey", ("-m", "whichwhale.survey"), draw, drawing),
        Stage(
            "true points",
            "survey",
            ("-m", "whichwhale.annotations"),
            ("convert", str(home), str(annotations(dataset))),
            PER_START,
        ),
    ]
    found += _points(size, data)
    for seed in range(seeds):
        groups = blends(seed)
        aux = f"auxiliary.table={dataset}/callosity.csv"
        by_points = {
            "predicted": f"passports.annotations={dataset}/aligner/annotations.csv",
            "true": f"passports.annotations={dataset}/annotations.csv",
        }
        found += _model(size, "naive", f"naive-{seed}", "whole_photo", (*data, aux, f"seed={2 * seed}"))
        found += [_blend(size, dataset, blend, "naive") for blend in groups["naive"]]
        for group, points in by_points.items():
            kind = "-true" if group == "true" else ""
            classifier, embedding = f"classifier{kind}-{seed}", f"embedding{kind}-{seed}"
            found += _model(size, group, classifier, "passports", (*data, points, aux, f"seed={2 * seed}"))
            found += _model(size, group, embedding, "embedding", (*data, points, f"seed={2 * seed + 1}"))
            found += [_blend(size, dataset, blend, group) for blend in groups[group]]
    return found


def _points(size: Size, data: tuple[str, ...]) -> list[Stage]:
    found = []
    for name, epochs in (("localizer", size.localizer_epochs), ("aligner", size.aligner_epochs)):
        small = ("width=96", "height=64") if name == "localizer" else ("size=96", "second.width=64", "second.height=32")
        changes = (*data, f"fit.epochs={epochs}", *((*TINY_NET, *small, "fit.lr=8e-3") if size.tiny else ()))
        config = load(LocalizerConfig if name == "localizer" else AlignerConfig, CONFIGS / f"{name}.yaml", changes)
        views = config.views.count
        looked_at = (size.training + size.folds * size.test) * views  # each labelled photo by one fold model
        found += _fit(size, "points", name, changes, _pixels(config), epochs, looked_at, config.backbone)
    return found


def _pixels(config: LocalizerConfig | AlignerConfig) -> int:
    """How many pixels of a picture the networks look at, to guess their time."""
    if config.variant == "two_looks":
        return math.prod(config.view_size) // config.second.reduction**2 + math.prod(config.second.size)
    return math.prod(config.view_size)


def _model(size: Size, group: str, name: str, yaml: str, changes: tuple[str, ...]) -> list[Stage]:
    folds = ",".join(map(str, range(size.folds)))
    changes = (*changes, f"name={name}", f"fold=[{folds}]", f"fit.epochs={size.epochs}", *_net(size, yaml))
    config = load(IdentifyConfig, CONFIGS / f"{yaml}.yaml", changes)
    views = len(config.views.shifts) * len(config.views.zooms) * (1 + config.views.mirror)
    looked_at = size.folds * (size.training + size.test) * views
    return _fit(size, group, name, changes, math.prod(config.view.size), size.epochs, looked_at, config.backbone, yaml)


def _net(size: Size, yaml: str) -> tuple[str, ...]:
    if not size.tiny:
        return (f"fit.kicks=[{{epoch: {KICK * size.epochs:g}, epochs: 1, factor: 2.5}}]",)
    crops = ("passports.view.width=54", "passports.view.height=36") if yaml == "whole_photo" else ()
    small = ("view.width=36", "view.height=24") if yaml == "whole_photo" else ("view.width=48", "view.height=24")
    return (*TINY_NET[:3], *crops, *small, "fit.kicks=[]")


def _fit(
    size: Size,
    group: str,
    name: str,
    changes: tuple[str, ...],
    pixels: int,
    epochs: int,
    looked_at: int,
    backbone: BackboneConfig,
    yaml: str = "",
) -> list[Stage]:
    """Training of all folds, and prediction. `pixels` of a picture; `looked_at` pictures are predicted from."""
    trained = epochs * (size.folds - 1) * size.training
    speed = 1 + 1.8 * backbone.frozen  # 0.3 frozen: 1.55 times as quick
    arguments = (str(CONFIGS / f"{yaml or name}.yaml"), *changes)
    work = trained * PER_TRAINED / speed, looked_at * PER_PREDICTED
    training, predicting = (PER_START + pixels * 1e-6 * one for one in work)
    return [
        Stage(f"train {name}", group, (str(ROOT / "train.py"),), arguments, training, backbone),
        Stage(f"predict {name}", group, (str(ROOT / "predict.py"),), arguments, predicting),
    ]


def _blend(size: Size, dataset: str, blend: Blend, group: str) -> Stage:
    members = ",".join(blend.members)
    where = (f"dataset={dataset}", f"members=[{members}]", f"name={blend.name}", f"output={submission(dataset, blend.name)}")
    arguments = (str(CONFIGS / "ensemble.yaml"), *where, "test=folds")
    return Stage(f"blend {blend.name}", group, (str(ROOT / "ensemble.py"),), arguments, PER_START)
