"""Augmentation: geometric changes of the passport as one transform, light and sea on the picture, pictures mixed in the batch.

Every draw is keyed by (seed, epoch, item): resuming a fit, the number of workers and the order of items change nothing.
"""

from whichwhale.augment.chains import Chains
from whichwhale.augment.config import AugmentConfig, GeometryConfig, MixConfig
from whichwhale.augment.draws import Draw, generator, numbers
from whichwhale.augment.moves import draw_geometry
from whichwhale.augment.photometric import Photometric

__all__ = [
    "AugmentConfig",
    "Chains",
    "Draw",
    "GeometryConfig",
    "MixConfig",
    "Photometric",
    "draw_geometry",
    "generator",
    "numbers",
]
