"""A store cut from photos: pixels where the plane says, refusals, what makes it stale, and a kill at any moment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from whichwhale.annotations import table as contract
from whichwhale.competition import photos
from whichwhale.geometry import Affine, apply, identity, invert
from whichwhale.passport import from_points
from whichwhale.passport.config import PassportConfig
from whichwhale.passport.from_points import store_from_points
from whichwhale.passport.plane import FIRST_POINT, SECOND_POINT, PlaneView
from whichwhale.passport.store import MATRIX, Store, StoreError, open_store

CONFIG = PassportConfig()


def dots(size: tuple[int, int], first: tuple, second: tuple) -> np.ndarray:
    """Grey-blue sea [h, w, 3] with a red dot at `first` and a green one at `second`, both smooth and d / 24 wide."""
    x, y = np.arange(size[0]), np.arange(size[1])
    sigma = np.hypot(*np.subtract(first, second)) / 24
    picture = np.full((size[1], size[0], 3), (60.0, 60.0, 90.0))
    for channel, point in enumerate((first, second)):
        bump = [np.exp(-((line - at) ** 2) / (2 * sigma**2)) for line, at in zip((x, y), point, strict=True)]
        picture[:, :, channel] += 180 * np.outer(bump[1], bump[0])
    return picture.round().astype(np.uint8)


def centre_of(picture: np.ndarray, channel: int) -> np.ndarray:
    """Centre of a dot (x, y) in pixels; the other dot and the sea have none of its colour."""
    weight = (picture[:, :, channel].astype(float) - picture[:, :, 1 - channel] - 30).clip(0)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


def row(image: str, first: tuple, second: tuple, names: tuple[str, str] = ("bonnet_tip", "blowhole"), **more: object) -> dict:
    found: dict = {"Image": image} | more
    for name, (x, y) in zip(names, (first, second), strict=True):
        found |= {f"{name}_x": x, f"{name}_y": y, f"{name}_v": 2}
    return found


def table_of(*rows: dict, names: tuple[str, str] = ("bonnet_tip", "blowhole")) -> pd.DataFrame:
    return contract.build(rows, names)


def matrix_of(store: Store, number: int) -> Affine:
    return store.index.loc[number, MATRIX].to_numpy(np.float64).reshape(2, 3)


@pytest.mark.parametrize(
    ("name", "orientation", "size", "first", "second", "factor"),
    [
        ("a.png", 1, (300, 200), (210.25, 60.5), (120, 110), 1),
        ("a.jpg", 1, (300, 200), (80, 150), (190.5, 70), 1),
        ("turned.jpg", 6, (300, 200), (210, 60), (120, 110), 1),
        ("mirrored.jpg", 2, (300, 200), (210, 60), (120, 110), 1),
        ("large.jpg", 1, (1203, 801), (300.5, 600), (800, 250), 4),  # sides that 4 does not divide
        ("large.png", 1, (1203, 801), (300.5, 600), (800, 250), 4),
        ("large_turned.jpg", 8, (1203, 801), (300, 600), (800, 250), 4),
        ("small.jpg", 1, (120, 80), (70, 30), (40, 50), 1),  # drawn larger than it is
    ],
)
def test_dots_are_where_the_plane_says(tmp_path, name, orientation, size, first, second, factor) -> None:
    upright = Image.fromarray(dots(size, first, second))
    undo = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}[orientation]
    exif = Image.Exif()
    exif[photos.ORIENTATION] = orientation
    (upright if undo is None else upright.transpose(undo)).save(
        tmp_path / name, exif=exif, **({"quality": 95} if "jpg" in name else {})
    )

    store = store_from_points(tmp_path / "store", table_of(row(name, first, second)), lambda image: tmp_path / image, CONFIG)
    assert store.images.shape == (1, 192, 384, 3)
    sampling = store.index.loc[0, "sampling"]
    for channel, (photo_point, plane_point) in enumerate(((first, FIRST_POINT), (second, SECOND_POINT))):
        place = apply(store.plane_to_store, plane_point)
        assert_allclose(centre_of(store.images[0], channel), place, atol=0.1 * max(1, sampling))
        assert_allclose(apply(matrix_of(store, 0), photo_point), place, atol=1e-6)
    assert sampling == pytest.approx(120 / np.hypot(*np.subtract(first, second)))
    assert photos.reduction(size, from_points._longest(size, sampling)) == factor <= max(1, 1 / sampling)


@pytest.mark.parametrize(
    ("names", "part"), [(("eye_corner", "nostril"), "head"), (("fin_tip", "fin_base"), "fin")], ids=["sea lion", "dolphin"]
)
def test_other_animals_have_other_points(tmp_path, names, part) -> None:
    first, second = (90, 150), (200, 60)
    Image.fromarray(dots((300, 200), first, second)).save(tmp_path / "a.png")
    config = PassportConfig(
        first=names[0], second=names[1], part=part, view=PlaneView(width=64, height=96, centre=(0, 0), field=(2, 3))
    )
    table = table_of(row("a.png", first, second, names, part=part), names=names)
    store = store_from_points(tmp_path / "store", table, lambda image: tmp_path / image, config)
    assert store.images.shape == (1, 231, 154, 3)
    for channel, point in enumerate((FIRST_POINT, SECOND_POINT)):
        assert_allclose(centre_of(store.images[0], channel), apply(store.plane_to_store, point), atol=0.05)


@pytest.mark.parametrize("zoom", [1, 8], ids=["whole", "reduced"])
def test_pixels_are_the_photos_own(tmp_path, zoom) -> None:
    """Of a photo whose colours rise evenly, every pixel's colour is known: bilinear and averaging keep an even slope."""
    size = 160 * zoom, 100 * zoom
    x, y = np.meshgrid((np.arange(size[0]) + 0.5) / zoom, (np.arange(size[1]) + 0.5) / zoom)
    colours = np.stack([20 + 1.25 * x, 20 + 2 * y, 120 + 0.5 * x - 0.5 * y], -1)
    Image.fromarray(colours.round().astype(np.uint8)).save(tmp_path / "a.png")
    table = table_of(row("a.png", (100 * zoom, 40 * zoom), (70 * zoom, 60 * zoom)))
    store = store_from_points(
        tmp_path / "store", table, lambda image: tmp_path / image, PassportConfig(view=PlaneView(width=32, height=16))
    )
    height, width = store.images.shape[1:3]
    at = apply(invert(matrix_of(store, 0)), np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1))
    deep = ((at > 4 * zoom) & (at < np.array(size) - 1 - 4 * zoom)).all(-1)  # away from the black border
    sx, sy = ((at + 0.5) / zoom)[deep].T
    expected = np.stack([20 + 1.25 * sx, 20 + 2 * sy, 120 + 0.5 * sx - 0.5 * sy], -1)
    assert deep.mean() > 0.5
    assert np.abs(store.images[0][deep] - expected).max() < 1.0  # rounding of the photo, of the reduction and of the warp
    far = ((at < -2 * zoom) | (at > np.array(size) + 2 * zoom)).any(-1)
    assert far.any() and not store.images[0][far].any()  # black, not mirrored
    beyond = ((at < -0.5) | (at > np.array(size) - 0.5)).any(-1)
    assert store.index.loc[0, "outside"] == pytest.approx(beyond.mean(), abs=1e-9)


@pytest.fixture
def herd(tmp_path) -> tuple[pd.DataFrame, Path]:
    """Four photos: two animals in the first, one nobody found, one damaged, one that is not there."""
    folder = tmp_path / "imgs"
    folder.mkdir()
    Image.fromarray(dots((120, 80), (70, 30), (40, 50))).save(folder / "a.png")
    Image.fromarray(dots((120, 80), (70, 30), (40, 50))).save(folder / "b.png")
    (folder / "c.jpg").write_bytes(b"not a picture")
    table = table_of(
        row("a.png", (70, 30), (40, 50), bonnet_tip_sd=1.0, blowhole_sd=1.0),
        {"Image": "b.png", "status": "none"},
        row("c.jpg", (70, 30), (40, 50)),
        row("d.jpg", (70, 30), (40, 50)),
        row("a.png", (40, 50), (70, 30), item="a.png#1"),
    )
    return table, folder


def test_a_row_for_every_item(tmp_path, herd) -> None:
    table, folder = herd
    store = store_from_points(tmp_path / "store", table, lambda image: folder / image, CONFIG, threads=1)
    assert dict(zip(store.index["item"], store.index["status"], strict=True)) == {
        "a.png#0": "ok", "a.png#1": "ok", "b.png#0": "none", "c.jpg#0": "unreadable", "d.jpg#0": "unreadable",
    }  # fmt: skip
    assert store.index["sd"].tolist()[0] == 1.0 and store.index["sd"].isna().tolist() == [False, True, True, True, True]
    assert store.images[:2].any(axis=(1, 2, 3)).all() and not store.images[2:].any()
    assert store.index.loc[2:, MATRIX].isna().all(axis=None)
    other = store_from_points(tmp_path / "other", table, lambda image: folder / image, CONFIG, threads=8)
    np.testing.assert_array_equal(store.images, other.images)
    assert store.key == other.key
    reopened = open_store(tmp_path / "store", store.key)
    pd.testing.assert_frame_equal(reopened.index, store.index, check_exact=True)


def test_what_is_done_is_not_done_again_and_what_is_stale_is_not_read(tmp_path, herd, monkeypatch) -> None:
    table, folder = herd
    decoded: list[Path] = []
    monkeypatch.setattr(from_points, "decode", lambda path, longest: decoded.append(path) or photos.decode(path, longest))

    def key(table: pd.DataFrame = table, config: PassportConfig = CONFIG) -> str:
        decoded.clear()
        return store_from_points(tmp_path / "store", table, lambda image: folder / image, config).key

    class Elsewhere(PassportConfig):
        annotations: str = "here.csv"

    first = key()
    assert len(decoded) == 1  # two animals, one decoding
    assert key() == key(config=Elsewhere()) == first and not decoded
    moved = table.assign(bonnet_tip_x=table["bonnet_tip_x"] + 1e-9)
    changed = {first, key(moved)}
    assert decoded
    with pytest.raises(StoreError, match="stale"):
        open_store(tmp_path / "store", first)
    changed |= {key(config=PassportConfig(margin=1.5)), key(table[:4])}
    stat = (folder / "b.png").stat()
    data = bytearray((folder / "b.png").read_bytes())
    data[-1] ^= 1  # of the same size and time
    (folder / "b.png").write_bytes(data)
    os.utime(folder / "b.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    changed.add(key())
    monkeypatch.setattr(from_points, "CODE_VERSION", -1)
    changed.add(key())
    assert len(changed) == 6 and decoded


def test_points_of_another_photo_size_are_refused(tmp_path, herd) -> None:
    table, folder = herd
    table = table.assign(photo_width=240.0, photo_height=160.0)
    with pytest.raises(
        StoreError, match=r"a\.png: has 120 x 80 pixels upright, but the points of a\.png#0 were set on 240 x 160"
    ):
        store_from_points(tmp_path / "store", table, lambda image: folder / image, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["imgs"]  # nothing left behind


SLOW = """
import sys, time
from pathlib import Path
from whichwhale.annotations import table as contract
from whichwhale.passport import from_points
from whichwhale.passport.config import PassportConfig
folder, count = Path(sys.argv[1]), 0
decode = from_points.decode
def stop(path, longest):
    global count
    count += 1
    if count == 3:
        (folder / "marker").touch()
        time.sleep(600)
    return decode(path, longest)
from_points.decode = stop
table = contract.read(folder / "annotations.csv")
from_points.store_from_points(folder / "store", table, lambda image: folder / image, PassportConfig(), threads=1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="leftovers of dead processes are told apart by /proc")
@pytest.mark.parametrize("before", [False, True], ids=["first", "renewed"])
def test_kill_9_leaves_no_half_store_and_the_same_command_finishes(tmp_path, before) -> None:
    rows = []
    for number in range(6):
        first = 70 + number, 30
        Image.fromarray(dots((120, 80), first, (40, 50))).save(tmp_path / f"{number}.png")
        rows.append(row(f"{number}.png", first, (40, 50)))
    if before:
        store_from_points(tmp_path / "store", table_of(*rows[:2]), lambda image: tmp_path / image, CONFIG)
    contract.write(tmp_path / "annotations.csv", table_of(*rows))
    source = str(Path(from_points.__file__).parents[2])
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path)], env=os.environ | {"PYTHONPATH": source})
    try:
        while not (tmp_path / "marker").exists():
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = list(tmp_path.glob(".store.*.part"))
    assert len(left) == 1 and (left[0] / "store.npy").exists()  # it was in the middle of writing
    if before:
        assert len(open_store(tmp_path / "store").index) == 2  # the old one, whole, and refused by the new key below
    else:
        with pytest.raises(StoreError, match="no passport store"):
            open_store(tmp_path / "store")

    table = contract.read(tmp_path / "annotations.csv")
    store = store_from_points(tmp_path / "store", table, lambda image: tmp_path / image, CONFIG)
    assert len(store.index) == 6 and (store.index["status"] == "ok").all() and store.images.any(axis=(1, 2, 3)).all()
    assert not list(tmp_path.glob(".store.*"))


def test_a_view_of_the_store_is_the_passport(tmp_path) -> None:
    """Through the room that reads the store: the dots are where the model's own view has the two points."""
    from whichwhale.identify.passports import view_passport

    first, second = (90, 150), (200, 60)
    Image.fromarray(dots((300, 200), first, second)).save(tmp_path / "a.png")
    store = store_from_points(tmp_path / "store", table_of(row("a.png", first, second)), lambda image: tmp_path / image, CONFIG)
    for view in (CONFIG.view, PlaneView(width=96, height=96)):  # the second squashes 2d x d to a square
        picture = view_passport(store, 0, view, identity())
        for channel, point in enumerate((FIRST_POINT, SECOND_POINT)):
            assert_allclose(centre_of(picture, channel), apply(view.matrix(), point), atol=0.05)
