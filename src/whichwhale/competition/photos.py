"""Photos as they come, to pixels as the house wants them: uint8 RGB, upright, whole, or a clear refusal.

JPEG goes through libjpeg-turbo in strict mode, for the usual readers return a half-grey picture for a truncated file and say
nothing.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps

ORIENTATION = 0x0112  # EXIF tag
TRANSPOSED = (5, 6, 7, 8)  # its values that swap width and height
FLIPPED = (2, 3, 6, 7), (3, 4, 7, 8)  # those after which upright columns, and rows, run against the stored ones
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif")  # by which photos are found in a folder
REDUCTIONS = (8, 4, 2)  # what a JPEG decodes to for less work, since its blocks are 8 x 8


@cache
def endings() -> frozenset[str]:
    """Of the names of pictures that Pillow reads, in small letters: '.jpg', '.pgm', …"""
    Image.init()
    return frozenset(ending for ending, kind in Image.registered_extensions().items() if kind in Image.OPEN)


class PhotoError(ValueError):
    """A photo that can't be read; the message names the file and says why."""

    def __init__(self, path: str | Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = Path(path), why


@dataclass(frozen=True)
class Header:
    """What a file says about its photo before any pixel is decoded.

    Attributes:
        width, height: pixels of the upright photo.
        format: Pillow's name, 'JPEG', 'PNG', …
        mode: Pillow's mode, 'RGB', 'L' (grey), 'P' (palette), 'RGBA', 'I;16', 'CMYK', …
        orientation: EXIF's, 1 (upright) to 8.
        alpha: it has transparent pixels, or could have.
    """

    width: int
    height: int
    format: str
    mode: str
    orientation: int
    alpha: bool


@dataclass(frozen=True, eq=False)
class Reduced:
    """A photo as it was decoded: `pixels` uint8 RGB [h, w, 3], upright; `factor`, by which its sides were divided; `matrix`, the
    photo-to-pixels transform [2, 3]; `size` (width, height) of the whole upright photo."""

    pixels: NDArray[np.uint8]
    factor: int
    matrix: NDArray[np.float64]
    size: tuple[int, int]


def header(path: str | Path) -> Header:
    """Read a photo's header.

    Raises:
        PhotoError: missing, empty, or not an image.
    """
    path = Path(path)
    try:
        return _header(path, path)
    except FileNotFoundError:
        raise PhotoError(path, "the file is missing") from None


def size(path: str | Path) -> tuple[int, int]:
    """(width, height) of the upright photo in pixels, without decoding it; raises PhotoError like `header`."""
    found = header(path)
    return found.width, found.height


def reduction(photo_size: tuple[int, int], longest: int | None) -> int:
    """The factor s in 1, 2, 4, 8 by which `decode(…, longest)` divides a photo of `photo_size` (width, height): the largest that
    keeps the longest side ≥ `longest`.

    A point x of the photo lies at (x + 0.5) / s − 0.5 in the reduced one, whose sides are ceil(side / s).
    """
    side = max(photo_size)
    return next((s for s in REDUCTIONS if longest is not None and -(-side // s) >= longest), 1)


def decode(path: str | Path, longest: int | None = None) -> NDArray[np.uint8]:
    """Decode a photo to uint8 RGB [height, width, 3], upright by its EXIF orientation.

    Grey becomes three equal channels, 16 bits keep their upper 8, transparent pixels are laid over black, CMYK is converted
    without a colour profile.

    Args:
        path: JPEG, PNG, TIFF, WebP, BMP, GIF (its first picture) or what else Pillow reads.
        longest: pixels that the longest side must at least have; the photo comes reduced by `reduction`'s factor, which for a
            JPEG costs a third of a whole decode.

    Raises:
        PhotoError: missing, empty, truncated, damaged or not an image.
    """
    path, data, found = _read(path)
    factor = reduction((found.width, found.height), longest)
    if found.format in ("JPEG", "MPO") and found.mode in ("RGB", "L"):
        # Turning moves the incomplete last block to the front and with it all points: then reduce after turning instead.
        early = found.orientation == 1 or (found.width % factor == 0 and found.height % factor == 0)
        pixels = _decode_jpeg(path, data, found, factor if early else 1)
        if pixels is not None:
            upright = _upright(pixels, found.orientation)
            return upright if early else np.asarray(Image.fromarray(upright).reduce(factor))
    return _decode_any(path, data, factor)


def reduced(path: str | Path, longest: int | None = None) -> Reduced:
    """As `decode`, with where the pixels lie in the photo: no photo is decoded larger than asked for, whichever way it was held.

    A turned JPEG whose sides the factor doesn't divide is reduced before it is turned: its incomplete last block comes first
    then, and all points lie a part of a pixel further on, which `matrix` knows. Raises PhotoError like `decode`.
    """
    path, data, found = _read(path)
    size = found.width, found.height
    factor = reduction(size, longest)
    pixels = None
    if found.format in ("JPEG", "MPO") and found.mode in ("RGB", "L"):
        pixels = _decode_jpeg(path, data, found, factor)
    turned = pixels is not None
    pixels = _upright(pixels, found.orientation) if turned else _decode_any(path, data, factor)
    matrix = np.array([[1, 0, 0.5], [0, 1, 0.5]]) / factor - np.array([[0, 0, 0.5], [0, 0, 0.5]])
    for axis, flipped in enumerate(FLIPPED):
        if turned and found.orientation in flipped:
            matrix[axis, 2] += pixels.shape[1 - axis] - size[axis] / factor
    return Reduced(pixels, factor, matrix, size)


def _read(path: str | Path) -> tuple[Path, bytes, Header]:
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise PhotoError(path, "the file is missing") from None
    except OSError as error:
        raise PhotoError(path, f"can't be opened: {error.strerror}") from None
    if not data:
        raise PhotoError(path, "the file is empty")
    return path, data, _header(path, io.BytesIO(data))


def _decode_jpeg(path: Path, data: bytes, found: Header, factor: int) -> NDArray[np.uint8] | None:
    """Pixels as stored, divided by `factor`; None if another decoder should judge."""
    width, height = (found.height, found.width) if found.orientation in TRANSPOSED else (found.width, found.height)
    smallest = {"min_width": -(-width // factor), "min_height": -(-height // factor)} if factor > 1 else {}
    try:
        return simplejpeg.decode_jpeg(data, "RGB", strict=True, **smallest)
    except ValueError as error:
        why = str(error).strip().rstrip(".")
        # Stray bytes between segments harm nothing; some cameras leave them. Unsupported kinds of JPEG are not damaged either.
        if "extraneous bytes" in why or "nsupported" in why:
            return None
        raise PhotoError(path, f"truncated or damaged JPEG ({why}); fetch it again") from None


def _decode_any(path: Path, data: bytes, factor: int) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow warns of is either decoded all the same or raised
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                rgb = _to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # decoders of damaged files raise whatever they trip over
        raise PhotoError(path, f"truncated, damaged or unsupported image ({error}); fetch it again") from None
    return np.array(rgb.reduce(factor) if factor > 1 else rgb)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        # Pillow clips 16 bits to 8 when converting; a photo needs its upper 8 bits
        return Image.fromarray((np.asarray(image).clip(0, 65535).astype(np.uint16) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range; save it with 8 bits")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, (0, 0, 0, 255)), over).convert("RGB")
    return image.convert("RGB")


def _header(path: Path, source: Path | io.BytesIO) -> Header:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source) as image:
                width, height = image.size
                kind, mode, alpha = image.format or "", image.mode, image.has_transparency_data
                orientation = _orientation(image)
    except FileNotFoundError:
        raise
    except Exception as error:  # as in _decode_any
        empty = isinstance(source, Path) and source.is_file() and source.stat().st_size == 0
        why = "the file is empty" if empty else f"not an image, or cut off within its header ({type(error).__name__})"
        raise PhotoError(path, why) from None
    if orientation in TRANSPOSED and kind != "TIFF":  # Pillow turns TIFF itself
        width, height = height, width
    return Header(width, height, kind, mode, orientation, alpha)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 where it is absent, out of range, or the EXIF block is damaged (the pixels may still be fine)."""
    try:
        value = int(image.getexif().get(ORIENTATION, 1))
    except Exception:
        return 1
    return value if 1 <= value <= 8 else 1


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn stored pixels [h, w, 3] as EXIF says (Exif 2.3, 4.6.4 A, Orientation)."""
    if orientation in TRANSPOSED:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in FLIPPED[0]:
        pixels = pixels[:, ::-1]
    if orientation in FLIPPED[1]:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
