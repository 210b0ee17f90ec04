"""Evidence beside an answer: two aligned passports side by side, and where their local features agree.

Heads are aligned, so the same place of two passports shows the same part of the animal. At each place of the network's last maps
the cosine of the two feature vectors is taken, the best within one step to each side, since alignment is not exact. What the map
shows is what the network compares, and one piece of plain water is like another; it is no proof.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from whichwhale.files import write_atomically

WIDTH = 384  # px of each picture
CAPTION, GAP, KEY = 24, 4, 22
LETTERS = 13  # px
LIGHT = (230, 230, 230)
SLACK = 1  # steps of the map


def cosine_map(one: NDArray[np.floating], other: NDArray[np.floating], slack: int = SLACK) -> NDArray[np.float32]:
    """Cosines [h, w] of local features [C, h, w] of two aligned passports: at each place the best with the places of the other
    that lie at most `slack` steps away. A place without features has the cosine 0.

    Raises:
        ValueError: maps of different shapes.
    """
    if one.shape != other.shape or one.ndim != 3:
        raise ValueError(f"maps of shapes {one.shape} and {other.shape} can't be compared; both must be [C, h, w]")
    a, b = (maps / np.maximum(np.linalg.norm(maps, axis=0), 1e-12) for maps in (one, other))
    height, width = a.shape[1:]
    best = np.full((height, width), -1.0, np.float32)
    for dy in range(-slack, slack + 1):
        for dx in range(-slack, slack + 1):
            ys, xs = slice(max(0, -dy), min(height, height - dy)), slice(max(0, -dx), min(width, width - dx))
            yt, xt = slice(max(0, dy), min(height, height + dy)), slice(max(0, dx), min(width, width + dx))
            cosines = (a[:, ys, xs] * b[:, yt, xt]).sum(axis=0)
            best[ys, xs] = np.maximum(best[ys, xs], cosines)
    return best


def picture(
    query: NDArray[np.uint8],
    known: NDArray[np.uint8],
    there: NDArray[np.floating],
    back: NDArray[np.floating],
    captions: tuple[str, str],
) -> NDArray[np.uint8]:
    """uint8 RGB: above, the two passports [H, W, 3] under their captions; below, the same with their cosine maps [h, w] over
    them, from blue (at most 0) to red (1), and what the colours mean."""
    height = max(1, round(query.shape[0] * WIDTH / query.shape[1]))
    below = 2 * (CAPTION + height) + GAP
    sheet = np.full((below + KEY, 2 * WIDTH + GAP, 3), 24, np.uint8)
    ramp = np.tile(np.linspace(0, 255, WIDTH, dtype=np.uint8), (KEY - 10, 1))
    sheet[below + 5 : below + KEY - 5, WIDTH + GAP :] = cv2.applyColorMap(ramp, cv2.COLORMAP_JET)[..., ::-1]
    words_of = [((4, below + 3), "cosine: blue 0, red 1; plain water agrees as well")]
    for column, (passport, cosines, caption) in enumerate(zip((query, known), (there, back), captions, strict=True)):
        x = column * (WIDTH + GAP)
        plain = cv2.resize(passport, (WIDTH, height), interpolation=cv2.INTER_LINEAR)
        heat = cv2.resize(np.clip(cosines, 0, 1).astype(np.float32), (WIDTH, height), interpolation=cv2.INTER_LINEAR)
        colours = cv2.applyColorMap(np.rint(255 * heat).astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]
        mixed = cv2.addWeighted(plain, 0.55, np.ascontiguousarray(colours), 0.45, 0)
        told = caption, f"agreement: mean cosine {float(np.mean(cosines)):.2f}, best {float(np.max(cosines)):.2f}"
        for row, (image, words) in enumerate(zip((plain, mixed), told, strict=True)):
            y = row * (CAPTION + height + GAP)
            sheet[y + CAPTION : y + CAPTION + height, x : x + WIDTH] = image
            words_of.append(((x + 4, y + 4), words))
    drawn = Image.fromarray(sheet)
    for place, words in words_of:
        ImageDraw.Draw(drawn).text(place, _shortened(words), LIGHT, _font())
    return np.asarray(drawn)


def file_names(queries: Sequence[str]) -> list[str]:
    """A PNG's name for each query, no two the same: the query's own, without its ending and what no file may be called; a number
    follows where another has that name already, be it in other cases or by another way of writing its accents."""
    found, taken = [], set()
    for query in queries:
        stem, number = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", str(Path(query).with_suffix(""))), 1
        name = f"{stem}.png"
        while (key := unicodedata.normalize("NFC", name).casefold()) in taken:
            number += 1
            name = f"{stem}-{number}.png"
        taken.add(key)
        found.append(name)
    return found


def write(path: Path, image: NDArray[np.uint8]) -> None:
    """Write uint8 RGB as PNG, whole or not at all."""
    done, content = cv2.imencode(".png", image[..., ::-1])
    if not done:
        raise ValueError(f"{path}: the picture can't be made into a PNG")
    write_atomically(path, lambda stream: stream.write(content.tobytes()) and None)


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: names have other letters than ASCII's."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), LETTERS)


def _shortened(words: str) -> str:
    """What has room above a picture; of longer words the end."""
    words = unicodedata.normalize("NFC", words)
    while _font().getlength(words) > WIDTH - 8:
        words = "…" + words.lstrip("…")[1:]
    return words
