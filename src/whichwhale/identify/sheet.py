"""A contact sheet of training passports as the network sees them: each photo plain, and then what several epochs make of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.augment.mixing import mixed
from whichwhale.fit.batches import stack
from whichwhale.geometry import identity
from whichwhale.identify.experiment import Experiment, item_of
from whichwhale.identify.passports import TrainingPassports, view_passport

CAPTION = 16  # px of height
LEAST_WIDTH = 128  # px of a tile; smaller pictures are enlarged by a whole factor
GAP = 4  # px between tiles


def training_sheet(experiment: Experiment, photos: int, draws: int) -> NDArray[np.uint8]:
    """Draw `photos` training photos of the config's first fold, evenly spread over the table: uint8 RGB [H, W, 3].

    A row a photo. The first column is the plain view, each of the `draws` others an epoch of the fit, from the first on, with the
    very draws that the fit would make. Photos that are mixed take of the one half a sheet below or above: the sheet is the batch.
    """
    config = experiment.config
    training, _ = experiment.photos(experiment.fold_list()[0])
    chosen = [training[i] for i in np.unique(np.linspace(0, len(training) - 1, min(photos, len(training))).astype(int))]
    rows = experiment.store.rows([item_of(photo) for photo in chosen])
    mixed_epochs = config.augment.mix.epochs(config.fit.epochs)
    passports = TrainingPassports(experiment.store, rows, {}, config.view, config.augment, config.seed, mixed_epochs)
    plain = [view_passport(experiment.store, int(row), config.view, identity()) for row in rows]
    columns = [[one] for one in zip(plain, chosen, strict=True)]
    for epoch in range(draws):
        passports.set_epoch(epoch)
        batch = stack([passports(number) for number in range(len(rows))])
        images, share = mixed(batch["image"], batch["mix"]) if "mix" in batch else (batch["image"], None)
        for number, image in enumerate(images.permute(0, 2, 3, 1).round().byte().numpy()):
            told = f"epoch {epoch + 1}" + (", mirrored" if batch["mirrored"][number] else "")
            if share is not None and share[number] < 1:
                told += f", {100 * share[number]:.0f} %"
            columns[number].append((image, told))
    return np.concatenate([np.concatenate([_tile(*one) for one in row], 1) for row in columns])


def _tile(image: NDArray[np.uint8], told: str) -> NDArray[np.uint8]:
    """A picture under its caption, with a gap at the right and below."""
    factor = max(1, -(-LEAST_WIDTH // image.shape[1]))
    height, width = factor * image.shape[0], factor * image.shape[1]
    tile = np.full((CAPTION + height + GAP, width + GAP, 3), 24, np.uint8)
    tile[CAPTION : CAPTION + height, :width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST)
    cv2.putText(tile, told, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (230, 230, 230), 1, cv2.LINE_AA)
    return tile
