"""Configuration of a head: from features to whales."""

from __future__ import annotations

from typing import Literal

import pydantic

from whichwhale.config import Config


class DynamicMargin(Config):
    """The margin of a whale with n training photos: a n^-b + c radians."""

    a: float = pydantic.Field(0.5, ge=0)
    b: float = pydantic.Field(0.25, ge=0)
    c: float = pydantic.Field(0.05, ge=0)

    @pydantic.model_validator(mode="after")
    def _of_one_photo(self) -> DynamicMargin:
        if self.a + self.c >= 1.5:
            raise ValueError(f"a + c = {self.a + self.c:g} is the margin of a whale with one photo; keep it under 1.5 radians")
        return self


# Keys that not every kind takes, and the kinds that do.
TAKEN_BY = {
    "subcentres": ("subcentre",),
    "dynamic_margin": ("subcentre",),
    "mining": ("triplet",),
    "soft_margin": ("triplet",),
    "bn_neck": ("triplet", "siamese"),
}


class HeadConfig(Config):
    """What turns features into whales.

    softmax: dropout and a linear layer. arcface: a linear layer to `dims`, and cosines to one direction a whale, times `scale`,
    with the angle `margin` (radians) added to the right whale's in training (Deng et al. 2019, equation 3). subcentre: the same
    with `subcentres` directions a whale, of which the nearest counts, and a margin that may depend on a whale's number of photos.
    triplet, siamese: a linear layer to `dims`; in every batch distances between unit vectors (0 to 2) are compared, `margin` is
    one of them, and `scale` is where the learnt scale of the logits starts (heads/metric.py).

    The margin grows from 0 over the first `margin_steps` steps: with all of it from the start a fit of few photos a whale stands
    still for epochs.
    """

    kind: Literal["softmax", "arcface", "subcentre", "triplet", "siamese"] = "softmax"
    dropout: float = pydantic.Field(0.3, ge=0, lt=1)
    smoothing: float = pydantic.Field(0.0, ge=0, lt=1)  # label smoothing
    dims: int = pydantic.Field(256, ge=2)
    scale: float = pydantic.Field(24.0, gt=0)
    margin: float = pydantic.Field(0.3, ge=0, lt=1.5)
    margin_steps: int = pydantic.Field(0, ge=0)
    subcentres: int = pydantic.Field(3, ge=1)
    dynamic_margin: DynamicMargin | None = None  # in place of `margin`
    mining: Literal["hard", "semihard"] = "hard"  # which triplets of a batch count
    soft_margin: bool = False  # ln(1 + e^x) in place of [margin + x]+; `margin` then only bounds what is semi-hard
    bn_neck: bool = False  # metric loss before a batch norm, softmax and search behind it

    @pydantic.model_validator(mode="after")
    def _keys_of_the_kind(self) -> HeadConfig:
        for key, kinds in TAKEN_BY.items():
            if self.kind not in kinds and getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key} means nothing to kind={self.kind}; leave it out, or take kind={' or '.join(kinds)}")
        if self.dynamic_margin is not None and self.margin != type(self).model_fields["margin"].default:
            raise ValueError("dynamic_margin stands in place of margin; give one of them")
        if self.kind in ("triplet", "siamese") and not self.margin:
            raise ValueError(f"margin=0 asks nothing of kind={self.kind}: one point for all whales would do; give it a margin")
        return self
