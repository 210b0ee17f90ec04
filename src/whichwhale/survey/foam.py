"""What a moving whale does to the water: foam at its waterline and over its back, splashes, a bubble cloud, its blow."""

from __future__ import annotations

import math

import cv2
import numpy as np

from whichwhale.survey.conditions import Pose
from whichwhale.survey.noise import Image, fractal, grid, ridged, smooth, step
from whichwhale.survey.pose import View


def foam(pose: Pose, view: View, corner: tuple[int, int], out: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Opacity of white foam and strength of the pale bubble cloud under it, both [h, w]; `out` [h, w] is how far skin stands
    out of the water (0 to 1)."""
    shape, scale = out.shape, view.scale
    dry = (out > 0.5).astype(np.uint8)
    density = np.zeros(shape, np.float32)
    if pose.wash > 0 and dry.any():
        outside = cv2.distanceTransform(1 - dry, cv2.DIST_L2, 3) / np.float32(scale)
        inside = cv2.distanceTransform(dry, cv2.DIST_L2, 3) / np.float32(scale)
        # Foam comes and goes along the waterline: strong at a shoulder, none at the next yard.
        patchy = fractal(rng, shape, 0.8 * scale, 3)
        strength = np.clip(1.25 * pose.wash - 0.25 + 0.45 * patchy, 0, 1.1)
        reach = np.float32(0.02) + np.float32(0.30 * pose.wash**1.5) * np.clip(0.6 + 0.4 * patchy, 0.1, 2)
        density = np.where(dry > 0, np.exp(-inside / (0.35 * reach)) * 0.8, np.exp(-outside / reach)) * strength
        # Thin water runs off the back in threads.
        density += dry * np.clip(0.60 * pose.wash - 0.25 + 0.22 * fractal(rng, shape, 0.5 * scale, 2), 0, 0.42)
    for _ in range(rng.poisson(4.0 * pose.splash)):
        density += _splash(view, corner, shape, rng)
    white = _broken(density, scale, rng)
    cloud = cv2.GaussianBlur(np.clip(density, 0, 1), (0, 0), max(0.6, 0.10 * scale))
    return white, cloud


def stray(shape: tuple[int, int], scale: float, mean: float, rng: np.random.Generator) -> Image:
    """Opacity [h, w] of foam that no animal in the photo made, as one that breached or dived leaves it: a Poisson number of
    patches and rings."""
    density = np.zeros(shape, np.float32)
    xs, ys = grid(shape)
    for _ in range(rng.poisson(mean)):
        px, py, angle = rng.uniform(0, shape[1]), rng.uniform(0, shape[0]), rng.uniform(0, math.pi)
        length = rng.gamma(3.0, 0.25) * scale
        breadth, hollow = length * rng.uniform(0.15, 1.0), rng.choice([0.0, 0.9])
        dx, dy = xs - np.float32(px), ys - np.float32(py)
        u, v = (dx * math.cos(angle) + dy * math.sin(angle)) / length, (dy * math.cos(angle) - dx * math.sin(angle)) / breadth
        rough = np.clip(0.45 * smooth(rng, shape, 0.4 * scale), -0.8, 2)
        away = np.sqrt(u * u + v * v) - np.float32(hollow)
        density += np.exp(-(away * away) * np.float32(1 + 8 * hollow) * (1 + rough)) * np.float32(rng.uniform(0.3, 0.9))
    return _broken(density, scale, rng) if density.any() else density


def _broken(density: Image, scale: float, rng: np.random.Generator) -> Image:
    """Threads of foam where it is thin, closed and lumpy where it is thick: opacity [h, w]."""
    lace = ridged(rng, density.shape, 0.22 * scale, 4, 0.85)
    lumps = fractal(rng, density.shape, 0.12 * scale, 4, 0.75)
    return step(lace + 0.07 * lumps + density, 0.93, 1.55) * step(density, 0.02, 0.30) * np.clip(0.82 + 0.14 * lumps, 0.3, 1)


def _splash(view: View, corner: tuple[int, int], shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """A patch of broken water beside or behind the animal: a Gaussian with a noisy outline."""
    x, y = rng.uniform(-4.6, 1.0), rng.normal(0, 0.65)
    px, py, _ = view.pixels(*view.ground(np.array(x), np.array(y), np.array(view.pose.level)))
    length, breadth = rng.gamma(3.0, 0.13) * view.scale, rng.gamma(3.0, 0.07) * view.scale
    angle = rng.uniform(0, math.pi)
    xs, ys = grid(shape)
    dx, dy = xs - np.float32(px - corner[0]), ys - np.float32(py - corner[1])
    u, v = (dx * math.cos(angle) + dy * math.sin(angle)) / length, (dy * math.cos(angle) - dx * math.sin(angle)) / breadth
    rough = 0.45 * smooth(rng, shape, 0.25 * view.scale)
    return np.exp(-(u * u + v * v) * (1 + np.clip(rough, -0.8, 2))) * np.float32(rng.uniform(0.4, 1.0))


def blow(pose: Pose, view: View, corner: tuple[int, int], shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Opacity of the blow, a drifting cloud of droplets that begins at the blowholes, [h, w]."""
    wind, reach = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.9) * view.scale
    start = view.points()[1] - corner
    xs, ys = grid(shape)
    dx, dy = xs - np.float32(start[0]), ys - np.float32(start[1])
    u = (dx * math.cos(wind) + dy * math.sin(wind)) / reach
    v = (dy * math.cos(wind) - dx * math.sin(wind)) / (reach * (0.22 + 0.30 * np.clip(u, 0, 2)))
    body = np.exp(-(v * v)) * step(u, -0.25, 0.15) * np.exp(-np.maximum(u, 0) * 1.1)
    ragged = np.clip(0.75 + 0.40 * fractal(rng, shape, 0.22 * view.scale, 4, 0.6), 0, 1.4)
    return np.clip(body * ragged * np.float32(pose.blow), 0, 0.92)
