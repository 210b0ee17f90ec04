"""Features of a backbone that does not learn, computed once and kept on disk.

runs/<dataset>/features/<shard>/   a shard: one network, one way to show a passport
    about.json                     what the shard was made of, for people
    block-<...>.npy                rows (passport: 32 bytes, mirrored: bool, features: float32 [dims]), memory-mapped to be read
runs/<dataset>/features/passports-<...>.npy   the fingerprints of a passport store's pictures

A row is found by the fingerprint of the passport's pixels, and its shard by a hash of everything else that its numbers depend on:
the network's configuration and weights, the view, where the passport lies in the plane, the augmentation and its draw, device,
precision, the house's own code and the packages behind it (sources.py); not what only rounds otherwise: the size of a batch, the
processor, its threads. So nothing that is stale is read, and a photo that is added costs itself alone. A block is written beside,
renamed, and never changed: a kill costs the block that was being computed, and runs side by side repeat each other's work at
worst. The folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from whichwhale.files import write_atomically, write_json
from whichwhale.fit.batches import Items, in_order, load
from whichwhale.fit.machine import ask_machine, evaluating
from whichwhale.geometry import Affine, mirrors
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.passports import TrainingPassports, view_passport
from whichwhale.identify.sources import code_of
from whichwhale.nets import Backbone
from whichwhale.passport.store import Store

BLOCK = 512  # passports a file
AUGMENT = "whichwhale.augment"  # an edit there costs what is augmented, and not the passports as they are
SETTINGS = "whichwhale.identify.config"  # what features depend on of them is in the key by its value


@dataclass(frozen=True)
class Way:
    """One way to show a passport: `said` is what it is known by, `make(row)` gives `image` uint8 [H, W, 3] and `mirrored`."""

    said: dict[str, Any]
    make: Callable[[int], dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Shown:
    """Features of N passports, each shown in one way: passport i is row places[i, 1] of block places[i, 0]."""

    blocks: list[NDArray[np.void]]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, i: int) -> tuple[NDArray[np.float32], bool]:
        """Features [dims] of passport i, and whether it was shown as its mirror image."""
        block, row = self.places[i]
        one = self.blocks[block][row]
        return np.array(one["features"]), bool(one["mirrored"])

    def all(self) -> NDArray[np.float32]:
        """Features [N, dims]; [0, 0] of no passport."""
        return np.stack([self[i][0] for i in range(len(self))]) if len(self) else np.zeros((0, 0), np.float32)


class FeatureCache:
    """The features of a backbone for a store's passports; counts what it `read` and what it `computed`."""

    def __init__(self, folder: Path, backbone: Backbone, config: IdentifyConfig, store: Store) -> None:
        self.folder, self.backbone, self.config, self.store = folder, backbone, config, store
        self.read = self.computed = 0
        self.network = _said_of(backbone, config)
        self._row_type = np.dtype([("passport", "V32"), ("mirrored", "?"), ("features", "<f4", (backbone.dims,))])
        self._fingerprints: NDArray[np.void] | None = None
        self._open: dict[str, tuple[list[NDArray[np.void]], dict[bytes, tuple[int, int]]]] = {}

    def plain(self, move: Affine) -> Way:
        """The config's view after `move` (plane to plane), without augmentation."""
        view, store = self.config.view, self.store
        mirrored = mirrors(move)
        said = {"way": "plain", "move": np.asarray(move).tolist()} | self._where()
        return Way(said, lambda row: {"image": view_passport(store, row, view, move), "mirrored": mirrored})

    def augmented(self, variant: int, mirrored: bool = False) -> Way:
        """The config's augmentation as it is drawn for a `variant`; the draw is the passport's own, wherever it is stored.

        `mirrored`: always as a mirror image, whatever is drawn; all else stays as it is drawn.
        """
        config, augment, fingerprints = self.config, self.config.augment, self.fingerprints()
        if mirrored:
            augment = augment.model_copy(update={"geometry": augment.geometry.model_copy(update={"mirror": 1.0})})
        draws = np.array([int.from_bytes(one.tobytes()[:4], "little") for one in fingerprints], np.int64)
        passports = TrainingPassports(self.store, np.arange(len(draws)), {}, config.view, augment, config.seed, draws=draws)
        passports.set_epoch(variant)
        drawn = augment.model_dump(mode="json", exclude={"mix"})
        said = {"way": "augmented", "augment": drawn, "seed": config.seed, "variant": variant}
        return Way(said | {"augmented by": code_of(AUGMENT)} | self._where(), passports)

    def get(self, rows: NDArray[np.int64], way: Way) -> Shown:
        """Features of the store's `rows` int64 [N] shown in one way: read from the disk; the missing ones computed and kept."""
        key = hashlib.sha256(json.dumps([self.network, way.said], sort_keys=True).encode()).hexdigest()[:24]
        fingerprints = [self.fingerprints()[row].tobytes() for row in rows]
        _, index = self._shard(key)
        missing = {fingerprint: int(row) for fingerprint, row in zip(fingerprints, rows, strict=True) if fingerprint not in index}
        if missing:
            self._compute(key, missing, way)
            self._open.pop(key)
        blocks, index = self._shard(key)
        self.computed += len(missing)
        self.read += len(rows) - len(missing)
        return Shown(blocks, np.array([index[fingerprint] for fingerprint in fingerprints], np.int64).reshape(-1, 2))

    def told(self) -> str:
        """What the cache was good for, in one line."""
        return f"features: {self.read:,} read from the cache, {self.computed:,} computed"

    def fingerprints(self) -> NDArray[np.void]:
        """SHA-256 of each stored passport's pixels, 32 bytes [store rows].

        Made once a store, and anew if its file was: other code may cut other pixels from the input that a store's key knows.
        """
        if self._fingerprints is None:
            path = self.folder / f"passports-{self._of_store()}.npy"
            try:
                found = np.load(path, allow_pickle=False)
            except (OSError, ValueError):
                found = None
            if found is None or found.shape != (len(self.store.images),) or found.dtype != np.dtype("V32"):
                pictures = tqdm(self.store.images, desc="fingerprints", unit="passport", delay=2, leave=False)
                found = np.array([hashlib.sha256(picture.tobytes()).digest() for picture in pictures], "V32")
                write_atomically(path, lambda stream: np.save(stream, found))
            self._fingerprints = found
        return self._fingerprints

    def _of_store(self) -> str:
        """A name for the store's pixels as they lie on the disk, without reading them."""
        try:
            file = (self.store.folder / "store.npy").stat()
        except FileNotFoundError:  # a store in memory
            return self.store.key[:24]
        return hashlib.sha256(f"{self.store.key} {file.st_size} {file.st_mtime_ns}".encode()).hexdigest()[:24]

    def _where(self) -> dict[str, Any]:
        plane = np.asarray(self.store.plane_to_store).tolist()
        return {"view": self.config.view.model_dump(mode="json"), "plane_to_store": plane}

    def _shard(self, key: str) -> tuple[list[NDArray[np.void]], dict[bytes, tuple[int, int]]]:
        """The shard's blocks, memory-mapped, and where in them each passport is. A damaged block is as good as none."""
        if key not in self._open:
            blocks: list[NDArray[np.void]] = []
            index: dict[bytes, tuple[int, int]] = {}
            for path in sorted((self.folder / key).glob("block-*.npy")):
                try:
                    block = np.load(path, mmap_mode="r", allow_pickle=False)
                except (OSError, ValueError):
                    continue
                if block.dtype != self._row_type or block.ndim != 1:
                    continue
                for row, fingerprint in enumerate(block["passport"]):
                    index.setdefault(fingerprint.tobytes(), (len(blocks), row))
                blocks.append(block)
            self._open[key] = blocks, index
        return self._open[key]

    def _compute(self, key: str, missing: dict[bytes, int], way: Way) -> None:
        """Compute the features of `missing` (fingerprint to row of the store) and keep them, block by block."""
        shard, fingerprints, rows = self.folder / key, list(missing), list(missing.values())
        write_json(shard / "about.json", {"network": self.network} | way.said)
        items = Items(len(rows), lambda i: way.make(rows[i]))
        size = self.config.views.batch_size
        with (
            evaluating(self.backbone, self.config.fit.precision) as device,
            tqdm(total=len(rows), desc="features", unit="passport", delay=2) as bar,
        ):
            for start in range(0, len(rows), BLOCK):
                here = range(start, min(start + BLOCK, len(rows)))
                block = np.zeros(len(here), self._row_type)
                block["passport"] = np.array(fingerprints[start : here.stop], "V32")
                batches = [[here[i] for i in batch] for batch in in_order(len(here), size)]
                for batch, made in zip(batches, load(items, batches, device), strict=True):
                    part = slice(batch[0] - start, batch[-1] + 1 - start)
                    block["features"][part] = self.backbone(made["image"]).float().cpu().numpy()
                    block["mirrored"][part] = made["mirrored"].cpu().numpy()
                    bar.update(len(batch))
                name = hashlib.sha256(b"".join(fingerprints[start : here.stop])).hexdigest()[:24]
                write_atomically(shard / f"block-{name}.npy", lambda stream, block=block: np.save(stream, block))
        self.backbone.to("cpu")


def _said_of(backbone: Backbone, config: IdentifyConfig) -> dict[str, Any]:
    """What a network's features depend on, in words and hashes."""
    digest = hashlib.sha256()
    for name, tensor in backbone.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    about = config.backbone.model_dump(mode="json", exclude={"weights", "frozen", "norms", "drop_path"})
    machine = ask_machine(config.fit.precision)
    said = {"backbone": about, "weights": digest.hexdigest(), "device": machine.device, "precision": machine.precision}
    return said | code_of(__name__, (AUGMENT, SETTINGS))
