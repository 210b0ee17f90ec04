"""Decoding: upright RGB from whatever comes, reduced where asked, and never a half-grey picture from a truncated file."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from whichwhale.competition import photos

# Four flat 16-pixel quarters, no two alike, so that any turn or swap of channels shows.
RED, GREEN, BLUE, WHITE = (200, 20, 20), (20, 200, 20), (20, 20, 200), (230, 230, 230)


def picture(width: int = 48, height: int = 32) -> NDArray[np.uint8]:
    pixels = np.empty((height, width, 3), np.uint8)
    for rows, columns, colour in ((0, 0, RED), (0, 1, GREEN), (1, 0, BLUE), (1, 1, WHITE)):
        pixels[rows * height // 2 : (rows + 1) * height // 2, columns * width // 2 : (columns + 1) * width // 2] = colour
    return pixels


def sea(width: int, height: int) -> NDArray[np.uint8]:
    """Smooth, so that reducing before or after turning gives nearly the same."""
    y, x = np.mgrid[:height, :width]
    return np.stack([128 + 90 * np.sin(x / 19), 128 + 90 * np.cos(y / 23), (x + y) % 256 * 0 + 90], -1).astype(np.uint8)


def save(path: Path, image: Image.Image, orientation: int = 1, **options: object) -> Path:
    exif = Image.Exif()
    exif[photos.ORIENTATION] = orientation
    image.save(path, exif=exif, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    """Stored so that turning by EXIF's definition gives the picture: orientation o undoes the inverse transposition."""
    undo = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270}[orientation]  # fmt: skip
    upright = Image.fromarray(picture())
    stored = upright if undo is None else upright.transpose(undo)
    options = {"quality": 95, "subsampling": 0} if suffix == "jpg" else {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path / f"a.{suffix}", stored, orientation, **options)
    decoded = photos.decode(path)
    assert decoded.shape == (32, 48, 3) and decoded.dtype == np.uint8 and decoded.flags.c_contiguous
    assert np.abs(decoded.astype(int) - picture()).max() <= (6 if suffix == "jpg" else 0)
    assert photos.size(path) == (48, 32)
    assert photos.header(path).orientation == orientation


@settings(deadline=None, max_examples=40)
@given(st.integers(8, 90), st.integers(8, 90), st.integers(1, 100), st.integers(1, 8), st.sampled_from(["jpg", "png"]))
def test_reduced_is_the_box_mean_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, longest: int, orientation: int, suffix: str
) -> None:
    options = {"quality": 98, "subsampling": 0} if suffix == "jpg" else {}
    path = save(tmp_path_factory.mktemp("photo") / f"a.{suffix}", Image.fromarray(sea(width, height)), orientation, **options)
    whole, reduced = photos.decode(path), photos.decode(path, longest)
    factor = photos.reduction(photos.size(path), longest)
    assert reduced.shape[:2] == (-(-whole.shape[0] // factor), -(-whole.shape[1] // factor))
    assert max(reduced.shape) >= min(longest, max(whole.shape))
    assert factor == 8 or -(-max(whole.shape) // (2 * factor)) < longest  # the next one would be too small
    inside = (slice(0, whole.shape[0] // factor), slice(0, whole.shape[1] // factor))  # whole blocks
    mean = np.asarray(Image.fromarray(whole).reduce(factor)).astype(int)
    assert np.abs(reduced.astype(int) - mean)[inside].max(initial=0) <= 4


@settings(deadline=None, max_examples=40)
@given(
    st.integers(60, 130), st.integers(60, 130), st.floats(0.3, 0.7), st.floats(0.3, 0.7), st.sampled_from([2, 4, 8]),
    st.integers(1, 8), st.sampled_from(["jpg", "png"]),
)  # fmt: skip
def test_point_lies_where_the_matrix_says_however_the_photo_was_held(
    tmp_path_factory: pytest.TempPathFactory,
    width: int,
    height: int,
    x: float,
    y: float,
    factor: int,
    orientation: int,
    suffix: str,
) -> None:
    """The same soft dot in the whole and in the reduced photo: exact to a twentieth of a pixel of the whole one a factor."""
    rows, columns = np.mgrid[:height, :width]
    dot = 220 * np.exp(-((columns - x * width) ** 2 + (rows - y * height) ** 2) / (2 * 6.0**2))
    stored = Image.fromarray(dot.round().astype(np.uint8)[..., None].repeat(3, 2))
    options = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    path = save(tmp_path_factory.mktemp("photo") / f"a.{suffix}", stored, orientation, **options)
    whole = photos.reduced(path)
    assert np.array_equal(whole.pixels, photos.decode(path)) and np.array_equal(whole.matrix, np.eye(2, 3))
    found = photos.reduced(path, -(-max(width, height) // factor))
    assert found.factor == factor and found.size == photos.size(path)
    assert found.pixels.shape[:2] == tuple(-(-side // factor) for side in reversed(found.size))
    there = found.matrix @ [*middle(whole.pixels), 1]
    assert middle(found.pixels) == pytest.approx(there, abs=0.05)


def middle(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    weight = np.where(pixels[..., 0] > 8, pixels[..., 0], 0).astype(float)
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


def test_turned_photo_is_not_decoded_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(sea(101, 67)), 6)
    asked = []
    real = photos.simplejpeg.decode_jpeg
    monkeypatch.setattr(photos.simplejpeg, "decode_jpeg", lambda *args, **named: asked.append(named) or real(*args, **named))
    assert photos.reduced(path, 20).pixels.shape[:2] == (26, 17)  # 101 x 67 as stored, 67 x 101 upright, divided by 4
    assert asked == [{"strict": True, "min_width": 26, "min_height": 17}]


def test_reduction() -> None:
    assert [photos.reduction((3072, 2048), n) for n in (None, 3072, 1537, 1536, 768, 400, 384, 1)] == [1, 1, 1, 2, 4, 4, 8, 8]
    assert photos.reduction((887, 460), 111) == 8  # ceil(887 / 8) = 111


def test_grey_palette_alpha_16_bits_and_cmyk(tmp_path: Path) -> None:
    rgb = picture()
    grey = Image.fromarray(rgb).convert("L")
    for suffix in ("png", "jpg"):
        grey.save(tmp_path / f"grey.{suffix}", **({"quality": 100} if suffix == "jpg" else {}))  # type: ignore[arg-type]
        decoded = photos.decode(tmp_path / f"grey.{suffix}")
        assert (decoded == decoded[..., :1]).all() and np.abs(decoded[..., 0].astype(int) - np.asarray(grey)).max() <= 1

    Image.fromarray(rgb).quantize(8).save(tmp_path / "palette.png")
    assert (photos.decode(tmp_path / "palette.png") == rgb).all()

    alpha = np.full((32, 48), 255, np.uint8)
    alpha[:16, :24], alpha[:16, 24:] = 0, 51  # nothing of red, a fifth of green
    Image.fromarray(np.dstack([rgb, alpha])).save(tmp_path / "alpha.png")
    decoded = photos.decode(tmp_path / "alpha.png")
    assert photos.header(tmp_path / "alpha.png").alpha
    assert [decoded[y, x].tolist() for y, x in ((0, 0), (0, 47), (31, 0))] == [[0, 0, 0], [4, 40, 4], list(BLUE)]

    deep = (np.arange(48 * 32).reshape(32, 48) * 40).astype(np.uint16)
    for suffix in ("png", "tif"):
        Image.fromarray(deep).save(tmp_path / f"deep.{suffix}")
        decoded = photos.decode(tmp_path / f"deep.{suffix}")
        assert (decoded == (deep >> 8)[..., None]).all() and decoded.shape == (32, 48, 3)

    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=98)
    assert np.abs(photos.decode(tmp_path / "cmyk.jpg").astype(int) - rgb).max() <= 12


@pytest.mark.parametrize("progressive", [False, True])
def test_truncated_jpegs_are_refused_wherever_they_end(tmp_path: Path, progressive: bool) -> None:
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (64, 96, 3), np.uint8)).save(stream, "JPEG", progressive=progressive)
    data = stream.getvalue()
    path = tmp_path / "w_1.jpg"
    for share in (0.001, 0.02, 0.1, 0.5, 0.9, 0.99):
        for tail in (b"", b"\xff\xd9"):  # cut off; cut off and closed
            path.write_bytes(data[: int(share * len(data))] + tail)
            for longest in (None, 1):
                with pytest.raises(photos.PhotoError, match="w_1.jpg"):
                    photos.decode(path, longest)
    path.write_bytes(data[:-2] + bytes(5) + data[-2:] + b"appended by a camera")
    assert photos.decode(path).shape == (64, 96, 3)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "bmp", "gif"])
def test_other_truncated_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)).save(path)
    data = path.read_bytes()
    for share in (0.02, 0.5, 0.9):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(photos.PhotoError):
            photos.decode(path)


def test_what_is_no_photo_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w_1.jpg"
    for read in (photos.decode, photos.size):
        with pytest.raises(photos.PhotoError, match="w_1.jpg: the file is missing"):
            read(path)
    for content, why in ((b"", "empty"), (b"<html>not found</html>", "not an image"), (b"\xff\xd8\xff", "not an image")):
        path.write_bytes(content)
        for read in (photos.decode, photos.size):
            with pytest.raises(photos.PhotoError, match=why):
                read(path)
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(photos.PhotoError, match="floating-point"):
        photos.decode(tmp_path / "f.tif")


def test_damaged_exif_does_not_cost_the_photo(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(picture()).save(path, exif=b"Exif\x00\x00II*\x00garbage", quality=95)
    assert photos.decode(path).shape == (32, 48, 3)
    assert ImageOps.exif_transpose(Image.open(save(tmp_path / "b.jpg", Image.fromarray(picture()), 99))).size == (48, 32)
    assert photos.header(tmp_path / "b.jpg").orientation == 1
