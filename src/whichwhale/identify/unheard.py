"""Keys of a config that do nothing because of other keys, told before a fit."""

from __future__ import annotations

from whichwhale.identify.config import HeadConfig, IdentifyConfig

# Keys of the head that only kinds with an embedding read. They can't be refused: a YAML that extends another inherits them.
OF_EMBEDDINGS = ("dims", "scale", "margin", "margin_steps")


def unheard(config: IdentifyConfig) -> list[str]:
    """One sentence for each key that the fit will not heed, or that does harm beside another; [] if all is well."""
    told = []
    if config.head.kind == "softmax":
        fields = HeadConfig.model_fields
        idle = [key for key in OF_EMBEDDINGS if getattr(config.head, key) != fields[key].default]
        if idle:
            told.append(f"head.kind=softmax does not read {', '.join(f'head.{key}' for key in idle)}")
    late = [kick.epoch for kick in config.fit.kicks if kick.epoch >= config.fit.epochs]
    if late and not config.onward:
        epochs = ", ".join(f"{epoch:g}" for epoch in late)
        told.append(f"fit.kicks: none comes at epoch {epochs}, with fit.epochs={config.fit.epochs}")
    if config.augment.geometry.mirror == 0 and config.views.mirror and config.mirrored == "same":
        told.append("views.mirror=true averages mirror images, of which augment.geometry.mirror=0 shows the fit none")
    return told
