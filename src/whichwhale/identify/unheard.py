"""Keys of a config that do nothing because of other keys, told before a fit.

They are not refused: a YAML that extends another, or a command that changes one key of it, inherits them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from whichwhale.config import Config
from whichwhale.identify.config import IdentifyConfig

OF_EMBEDDINGS = ("dims", "scale", "margin", "margin_steps")  # keys of the head that a softmax does not read


def unheard(config: IdentifyConfig) -> list[str]:
    """One sentence for each key that the fit will not heed, or that does harm beside another; [] if all is well."""
    return [said for part in PARTS for said in part(config)]


def _head(config: IdentifyConfig) -> Iterator[str]:
    head = config.head
    if head.kind == "softmax":
        if idle := _changed(head, OF_EMBEDDINGS):
            yield f"head.kind=softmax does not read {_keys('head', idle)}"
        if idle := _changed(config.alarm, type(config.alarm).model_fields):
            yield f"{_keys('alarm', idle)}: a softmax head has no alarm"
    if head.bn_neck and _changed(head, ["scale"]):
        yield "head.bn_neck=true does not read head.scale"
    if head.soft_margin and head.mining == "hard" and (idle := _changed(head, ["margin", "margin_steps"])):
        yield f"head.soft_margin=true with head.mining=hard does not read {_keys('head', idle)}"


def _augment(config: IdentifyConfig) -> Iterator[str]:
    augment = config.augment
    if augment.geometry.mirror == 0 and config.views.mirror and config.mirrored == "same":
        yield "views.mirror=true averages mirror images, of which augment.geometry.mirror=0 shows the fit none"
    if augment.geometry.mirror == 1 and config.mirrored == "same":
        yield "augment.geometry.mirror=1 shows the fit mirror images alone, and predictions look at passports as they are too"
    if not augment.pca and _changed(augment, ["pca_spread"]):
        yield "augment.pca_spread means nothing while augment.pca is 0"
    if not augment.mix.on and (idle := _changed(augment.mix, ["chance", "until"])):
        yield f"{_keys('augment.mix', idle)}: no picture is mixed while mixup and cutmix are 0"
    if config.bottleneck is not None and config.bottleneck.variants == 1 and augment != type(augment)():
        yield "bottleneck.variants=1 shows each passport as it is; augment is not read"


def _fit(config: IdentifyConfig) -> Iterator[str]:
    fit, onward = config.fit, config.onward
    late = [kick.epoch for kick in fit.kicks if kick.epoch >= fit.epochs]
    if late and not (onward and onward.model):
        yield f"fit.kicks: none comes at epoch {', '.join(f'{epoch:g}' for epoch in late)}, with fit.epochs={fit.epochs}"
    if not fit.plateau.most and (idle := _changed(fit.plateau, type(fit.plateau).model_fields)):
        yield f"{_keys('fit.plateau', idle)}: no kick comes while fit.plateau.most is 0"
    if fit.warmup >= fit.epochs and _changed(fit, ["warmup"]) and not (onward and onward.model):
        yield f"fit.warmup={fit.warmup:g}: the rate rises to the end of fit.epochs={fit.epochs} and never falls"
    if not config.auxiliary.weight and (idle := _changed(config.auxiliary, ["table", "column", "ignore"])):
        yield f"{_keys('auxiliary', idle)}: no auxiliary target while auxiliary.weight is 0"
    if onward and not onward.model and config.fold and "all" not in config.fold:
        yield f"onward without onward.model is for the fit on all photos, and fold={list(config.fold)} has none"


PARTS: tuple[Callable[[IdentifyConfig], Iterator[str]], ...] = (_head, _augment, _fit)


def _changed(part: Config, keys: Iterable[str]) -> list[str]:
    return [key for key in keys if getattr(part, key) != type(part).model_fields[key].default]


def _keys(part: str, keys: list[str]) -> str:
    return ", ".join(f"{part}.{key}" for key in keys)
