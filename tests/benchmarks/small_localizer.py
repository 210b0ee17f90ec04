"""What the localizer benchmark's tests share: a small net, points' names, grey photos."""

from pathlib import Path

import cv2
import numpy as np

NAMES = ["bonnet_tip", "blowhole"]
SMALL_NET = {"backbone": {"name": "test_resnet", "weights": False}, "heatmap": {"width": 8}}


def grey(folder: Path) -> dict[str, Path]:
    """Three photos."""
    paths = {f"{n}.jpg": folder / f"{n}.jpg" for n in range(3)}
    for path in paths.values():
        cv2.imwrite(str(path), np.full((96, 144, 3), 90, np.uint8))
    return paths
