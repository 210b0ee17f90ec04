"""Draw and write a survey's photos with several processes; what is there already is kept."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import cv2
import simplejpeg
from tqdm import tqdm

from whichwhale.files import sha256, write_atomically, write_json
from whichwhale.survey import coat, near, plan, skin, tables
from whichwhale.survey.scene import render

KEY_FILE = Path("truth") / "survey.json"


def make(survey: plan.Survey, root: Path, workers: int = 1) -> int:
    """Write the survey into the folder `root`; returns how many photos were drawn (0 when all were there).

    The pixels depend on the survey alone, not on `workers` nor on what was interrupted. Raises ValueError if `root` holds
    another survey.
    """
    if workers < 1:
        raise ValueError(f"--workers {workers}: at least 1")
    key = asdict(survey) | {"code": _code()}
    _claim(root, key)
    frames = plan.draw(survey)
    tables.write(survey, frames, root)
    missing = [frame for frame in frames if not (root / "imgs" / frame.image).exists()]
    # A whale's photos stay together, since its skin is drawn once for all of them.
    groups = [(survey, root, list(group)) for _, group in groupby(missing, key=lambda frame: frame.whale)]
    with tqdm(total=len(frames), initial=len(frames) - len(missing), unit="photo", desc="survey") as bar:
        for _ in _run(groups, workers):
            bar.update()
    return len(missing)


def _run(groups: list[tuple[plan.Survey, Path, list[plan.Frame]]], workers: int) -> Iterator[str]:
    if workers == 1 or len(groups) < 2:
        _one_thread()
        for group in groups:
            yield from _shoot(group)
        return
    # Each task is a few photos of one whale: small enough that the last process does not keep the others waiting.
    tasks = [(survey, root, part[k : k + 8]) for survey, root, part in groups for k in range(0, len(part), 8)]
    with multiprocessing.get_context("spawn").Pool(min(workers, len(tasks)), initializer=_one_thread) as pool:
        for images in pool.imap_unordered(_shoot_all, tasks):
            yield from images


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _shoot_all(task: tuple[plan.Survey, Path, list[plan.Frame]]) -> list[str]:
    return list(_shoot(task))


def _shoot(task: tuple[plan.Survey, Path, list[plan.Frame]]) -> Iterator[str]:
    survey, root, frames = task
    whale = plan.whale_of(survey, frames[0]) if frames[0].whale != plan.NOBODY else None
    if survey.lifelike:
        its_coat = coat.draw(whale, near.texels_of(survey.width)) if whale is not None else None
    else:
        textures = skin.draw(whale) if whale is not None else None
    for frame in frames:
        if survey.lifelike:
            photo = near.render(frame.shot, its_coat, survey.width, survey.height)
        else:
            others = plan.company_of(survey, frame)
            company = [(one.shot, other, skin.draw(other)) for one, other in zip(frame.company, others, strict=True)]
            photo = render(frame.shot, whale, textures, survey.width, survey.height, company)
        data = simplejpeg.encode_jpeg(photo.pixels, quality=frame.shot.camera.quality, colorsubsampling="420")
        write_atomically(root / "imgs" / frame.image, lambda stream, data=data: stream.write(data))
        yield frame.image


def _code() -> str:
    """Fingerprint of this package: photos of two versions must not mix in one folder."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256("".join(sha256(path) for path in sources).encode()).hexdigest()[:16]


def _claim(root: Path, key: dict[str, object]) -> None:
    path = root / KEY_FILE
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        changed = [name for name in key if found.get(name) != key[name]]
        if changed:
            told = ", ".join(f"{name} {found.get(name)} there, {key[name]} asked for" for name in changed)
            raise ValueError(f"{root} holds another survey ({told}); give another folder or delete this one")
    elif (root / "imgs").exists() or (root / "train.csv").exists():
        raise ValueError(f"{root} holds photos or tables that are no survey; give an empty folder")
    write_json(path, key)
