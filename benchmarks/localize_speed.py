"""From photos to points: how near to the speed of decoding and bare forward passes, each measured on its own on the same photos?

examples:
  python -m whichwhale.survey input/large --photos 25 --whales 8 --test-photos 1 --width 3072
  python benchmarks/localize_speed.py runs/localize/two-looks input/large/imgs --localizer runs/localize/heatmap
  python benchmarks/localize_speed.py runs/demo/aligner input/large/imgs --turns 5

First what decoding costs: OpenCV and simplejpeg, whole and reduced, one thread, median over the photos. Then four things take
turns, so that a machine that slows down slows all: decoding each photo once, as far as it is needed; the networks' bare passes
over what they were shown, which lies in memory (of two looks both; benchmarks/localize_bare.py); what the networks find in their
views, so with the reading of maps and the cutting of windows that lie between the passes; all of it, from files to contract 1.
Wanted: all of it at no less than 0.8 of the speed of decoding and bare passes one after the other. Beside it the same of decoding
and finding. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
import torch
from localize_bare import Pass, recorded
from markdown_table import markdown_table
from torch import Tensor, nn

from whichwhale.command_line import carried_out, parser_of
from whichwhale.competition import photos
from whichwhale.fit.machine import ask_machine, evaluating, usable_cores
from whichwhale.localize.found import Found
from whichwhale.localize.locating import Fitted, Locator, load
from whichwhale.pictures import reading

WANTED = 0.8
OPENCV = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


class Recorder(nn.Module):
    """A network that keeps what it is shown."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.seen: list[Tensor] = []

    def find(self, images: Tensor) -> Found:
        self.seen.append(images.clone())
        return self.net.find(images)


@dataclass(frozen=True)
class Speed:
    """Seconds a photo: decoding, bare forward passes, finding (passes and what lies between and behind them), all of it."""

    decode: float
    forward: float
    find: float
    whole: float

    @property
    def share(self) -> float:
        """Of the speed that decoding and forward passes would have alone."""
        return (self.decode + self.forward) / self.whole

    @property
    def share_of_finding(self) -> float:
        """Of the speed that decoding and finding would have alone: what reading, cutting and tables cost."""
        return (self.decode + self.find) / self.whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 measured, 2 it can't be carried out."""
    parser = parser_of("benchmarks/localize_speed.py", __doc__)
    parser.add_argument("model", type=Path, help="run folder of an aligner, or of a localizer alone")
    parser.add_argument("photos", type=Path, help="folder of JPEGs")
    parser.add_argument("--localizer", type=Path, help="run folder (default: the one that the aligner was fitted after)")
    parser.add_argument("--count", type=int, default=24, metavar="N", help="photos (default %(default)s)")
    parser.add_argument("--turns", type=int, default=3, metavar="N", help="(default %(default)s)")
    return carried_out(benchmark, parser.parse_args(arguments), by="benchmarks/localize_speed.py")


def benchmark(options: argparse.Namespace) -> None:
    """Measure and print. Raises ValueError, OSError."""
    paths = sorted([*options.photos.glob("*.jpg"), *options.photos.glob("*.jpeg")])[: options.count]
    if not paths or options.turns < 1:
        raise ValueError(f"{options.photos}: no JPEG there" if not paths else "--turns must be 1 or more")
    locator = load(options.model, options.localizer)
    sizes = {photos.size(path) for path in paths}
    machine = ask_machine(locator.localizer.config.fit.precision)
    shape = " or ".join(f"{width} x {height}" for width, height in sorted(sizes))
    print(f"{len(paths)} photos of {shape}, {machine.device}, {machine.threads} threads")
    print(as_text(decoders(paths)))
    found = measure(locator, {path.name: path for path in paths}, options.turns)
    parts = ", ".join(f"{name} {1000 * getattr(found, name):.1f}" for name in vars(found))
    print(f"ms a photo: {parts}; {1 / found.whole:.1f} photos a second")
    met = "met" if found.share >= WANTED else "not met"
    print(f"share of decoding and bare passes {found.share:.3f}, wanted {WANTED}: {met}")
    print(f"share of decoding and finding {found.share_of_finding:.3f}")


def decoders(paths: Sequence[Path]) -> dict[str, dict[int, float]]:
    """Median ms a photo from bytes in memory to RGB, or BGR (OpenCV), by library and reduction; one thread."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    took: dict[str, dict[int, list[float]]] = {"OpenCV": {}, "simplejpeg": {}}
    for path in paths:
        data = path.read_bytes()
        flat = np.frombuffer(data, np.uint8)
        width, height = photos.size(path)
        for factor in OPENCV:
            ask = {"min_width": -(-width // factor), "min_height": -(-height // factor)} if factor > 1 else {}
            for name, decode in (
                ("OpenCV", lambda factor=factor, flat=flat: cv2.imdecode(flat, OPENCV[factor])),
                ("simplejpeg", lambda ask=ask, data=data: simplejpeg.decode_jpeg(data, "RGB", strict=True, **ask)),
            ):
                took[name].setdefault(factor, []).append(_seconds(decode))
    cv2.setNumThreads(threads)
    return {name: {factor: 1000 * statistics.median(of) for factor, of in by.items()} for name, by in took.items()}


def as_text(by_library: dict[str, dict[int, float]]) -> str:
    """Decoding's table in Markdown."""
    rows = [[name, *(f"{by[s]:.1f}" for s in OPENCV)] for name, by in by_library.items()]
    return "\n".join(markdown_table(["ms to decode", "whole", "1/2", "1/4", "1/8"], rows))


def measure(locator: Locator, paths: dict[str, Path], turns: int) -> Speed:
    """Seconds a photo, each the median of `turns`."""
    recording = Locator(_recording(locator.localizer), locator.aligner and _recording(locator.aligner))
    parts = [one for one in (recording.localizer, recording.aligner) if one is not None]
    with ExitStack() as stack:
        bare = [(one, net, stack.enter_context(recorded(net.net))) for one in parts for net in one.nets]
        for _ in recording.look(paths):  # also chooses kernels and fills the disk's cache
            pass
    seconds: dict[str, list[float]] = {"decode": [], "forward": [], "find": [], "whole": []}
    for _ in range(turns):
        seconds["decode"].append(_seconds(lambda: _decode(list(paths.values()))))
        seconds["forward"].append(_seconds(lambda: _forward(bare)))
        seconds["find"].append(_seconds(lambda: _find(parts)))
        seconds["whole"].append(_seconds(lambda: [None for _ in locator.look(paths)]))
    return Speed(*(statistics.median(of) / len(paths) for of in seconds.values()))


def _recording(fitted: Fitted) -> Fitted:
    return replace(fitted, nets=[Recorder(net) for net in fitted.nets])


def _decode(paths: Sequence[Path]) -> None:
    with ThreadPoolExecutor(usable_cores()) as pool:
        for _ in pool.map(lambda path: photos.reduced(path, reading.FINE), paths):
            pass


def _forward(bare: Sequence[tuple[Fitted, Recorder, list[Pass]]]) -> None:
    for fitted, recorder, passes in bare:
        with evaluating(recorder.net, fitted.config.fit.precision):
            for call, images in passes:
                call(images)


def _find(parts: Sequence[Fitted]) -> None:
    for fitted in parts:
        for recorder in fitted.nets:
            with evaluating(recorder.net, fitted.config.fit.precision) as device:
                for images in recorder.seen:
                    recorder.net.find(images.to(device))


def _seconds(work: Callable[[], object]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
