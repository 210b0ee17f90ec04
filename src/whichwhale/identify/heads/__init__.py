"""Heads: from an image's features to an embedding, and from that to one logit a whale; a file each.

A head owns its `logits()`, which are scaled and free of any margin, so that inference never needs labels; `loss()` may be
another function of the same embedding. See `head.Head` for all that a head can be asked.
"""

from __future__ import annotations

from whichwhale.identify.heads.arcface import ArcFaceHead
from whichwhale.identify.heads.cross_entropy import cross_entropy, weighted_mean
from whichwhale.identify.heads.head import Head, MarginHead, Pulse
from whichwhale.identify.heads.metric import MetricHead
from whichwhale.identify.heads.siamese import SiameseHead
from whichwhale.identify.heads.softmax import SoftmaxHead
from whichwhale.identify.heads.subcentre import SubcentreHead
from whichwhale.identify.heads.triplet import TripletHead

HEADS: dict[str, type[Head]] = {
    "softmax": SoftmaxHead,
    "arcface": ArcFaceHead,
    "subcentre": SubcentreHead,
    "triplet": TripletHead,
    "siamese": SiameseHead,
}

__all__ = [
    "HEADS",
    "ArcFaceHead",
    "Head",
    "MarginHead",
    "MetricHead",
    "Pulse",
    "SiameseHead",
    "SoftmaxHead",
    "SubcentreHead",
    "TripletHead",
    "cross_entropy",
    "weighted_mean",
]
