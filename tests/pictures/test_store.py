"""Pictures cut once: where pixels land, and when they are cut anew."""

import gc
import os
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest

from whichwhale.competition.photos import Reduced
from whichwhale.geometry import Affine, apply
from whichwhale.pictures import reading
from whichwhale.pictures.frames import letterbox, square_about
from whichwhale.pictures.reading import Reader
from whichwhale.pictures.store import Pictures, in_memory, pictures

DOT = (611.0, 203.0)


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, Path]:
    """A photo of 800 x 400 px with a soft dot, one that is cut off, and one that is missing."""
    rows, columns = np.mgrid[:400, :800]
    dot = 230 * np.exp(-((columns - DOT[0]) ** 2 + (rows - DOT[1]) ** 2) / (2 * 12.0**2))
    cv2.imwrite(str(tmp_path / "dot.jpg"), np.repeat(dot[..., None], 3, 2).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 95])
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "dot.jpg").read_bytes()[:3000])
    return {name: tmp_path / name for name in ("dot.jpg", "cut.jpg", "gone.jpg")}


def centre(picture: np.ndarray) -> np.ndarray:
    weight = np.where(picture[..., 0] > 20, picture[..., 0], 0).astype(float)
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


def frame(_: str, whole: tuple[int, int]) -> Affine:
    return letterbox(whole, (96, 64))


@pytest.mark.parametrize("fine", [1, 500])
@pytest.mark.parametrize("size", [(96, 64), (200, 100), (256, 192)])
def test_half_pixels_are_right_whatever_the_reduction(
    photos: dict[str, Path], tmp_path: Path, size: tuple[int, int], fine: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FINE", fine)
    store = pictures(tmp_path / "store", photos, lambda _, whole: letterbox(whole, size), size)
    assert centre(store.images[0]) == pytest.approx(apply(store.matrix[0], DOT), abs=0.05)
    assert store.images.shape == (3, size[1], size[0], 3)


def test_crop_shows_what_its_matrix_says(photos: dict[str, Path], tmp_path: Path) -> None:
    box = [560.0, 160.0, 100.0, 80.0]
    store = pictures(tmp_path / "store", photos, lambda *_: square_about(box, 2.0, 64), (64, 64))
    assert centre(store.images[0]) == pytest.approx(apply(store.matrix[0], DOT), abs=0.05)


def test_status_and_size(photos: dict[str, Path], tmp_path: Path) -> None:
    store = pictures(tmp_path / "store", photos, lambda image, whole: None, (96, 64))
    assert store.index["status"].tolist() == ["none", "none", "unreadable"]
    assert store.index["width"].tolist()[0] == 800
    store = pictures(tmp_path / "store", photos, frame, (96, 64))
    assert store.index["status"].tolist() == ["ok", "unreadable", "unreadable"]
    assert not store.images[1:].any()
    assert store.usable(list(photos)) == ["dot.jpg"]
    with pytest.raises(ValueError, match="1 photos have no row.*other.jpg"):
        store.rows(["dot.jpg", "other.jpg"])


def test_cut_anew_only_if_the_input_changed(photos: dict[str, Path], tmp_path: Path) -> None:
    def cut(paths: dict[str, Path] = photos, size: tuple[int, int] = (96, 64)) -> tuple[Pictures, int]:
        store = pictures(tmp_path / "store", paths, lambda _, whole: letterbox(whole, size), size)
        return store, (tmp_path / "store" / "pictures.npy").stat().st_ino

    first, file = cut()
    again, same = cut()
    assert same == file and again.key == first.key
    stat = photos["dot.jpg"].stat()
    os.utime(photos["dot.jpg"], ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
    touched, _ = cut()
    assert touched.key != first.key
    assert cut(size=(48, 32))[0].images.shape == (3, 32, 48, 3)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".part") == []


def test_photo_is_decoded_once_unless_a_finer_one_is_asked_for(photos: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []
    real = reading.photos.reduced
    monkeypatch.setattr(reading, "FINE", 300)
    monkeypatch.setattr(
        reading.photos, "reduced", lambda path, longest: asked.append((path.name, longest)) or real(path, longest)
    )
    read = Reader(keeps=True)
    whole = in_memory(photos, frame, (96, 64), read)
    assert whole.index["status"].tolist() == ["ok", "unreadable", "unreadable"]
    assert sorted(asked) == [("cut.jpg", 300), ("dot.jpg", 300)]
    crop = in_memory(photos, lambda *_: square_about([560.0, 160.0, 100.0, 80.0], 2.0, 64), (64, 64), read)
    assert len(asked) == 2 and centre(crop.images[0]) == pytest.approx(apply(crop.matrix[0], DOT), abs=0.05)
    fine = in_memory(photos, lambda *_: square_about([590.0, 180.0, 40.0, 40.0], 2.0, 64), (64, 64), read)
    assert [name for name, _ in asked[2:]] == ["dot.jpg"]
    assert centre(fine.images[0]) == pytest.approx(apply(fine.matrix[0], DOT), abs=0.1)


def test_a_finer_photo_is_let_go_once_its_crop_is_cut(photos: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref] = []
    real = reading.photos.reduced

    def reduced(path: Path, longest: int) -> Reduced:
        found = real(path, longest)
        alive.append(weakref.ref(found))
        return found

    monkeypatch.setattr(reading, "FINE", 80)
    monkeypatch.setattr(reading.photos, "reduced", reduced)
    read = Reader(keeps=True)
    in_memory(photos, frame, (96, 64), read)
    crop = in_memory(photos, lambda *_: square_about([590.0, 180.0, 40.0, 40.0], 2.0, 64), (64, 64), read)
    assert crop.index["status"].iloc[0] == "ok" and len(alive) == 2  # the one photo that can be read, twice
    gc.collect()
    assert [one() is not None for one in alive] == [True, False]
    assert read(photos["dot.jpg"], 80) is alive[0]()  # the coarse one is there again


def test_pictures_are_the_same_by_either_way(photos: dict[str, Path], tmp_path: Path) -> None:
    kept, there = pictures(tmp_path / "store", photos, frame, (96, 64)), in_memory(photos, frame, (96, 64), Reader(keeps=True))
    assert np.array_equal(kept.images, there.images)
