"""A small made-up data set of crops, for the benchmarks of identification models."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

CONFIG = """
data: {root: heads}
folds: {count: 2}
passports: {view: {width: 32, height: 32}}
auxiliary: {table: callosity.csv}
"""
WHALES = ["a", "b", "c"]


@pytest.fixture
def heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of input and runs; input/heads: 24 crops whose colour is the whale, 2 test crops; tiny.yaml."""
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    home, rng = tmp_path / "input" / "heads", np.random.default_rng(0)
    (home / "imgs").mkdir(parents=True)
    for n in range(26):
        crop = rng.normal(60 + 60 * (n % 3), 9, (32, 32, 3)).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(home / "imgs" / f"w_{n}.jpg"), crop)
    names = [f"w_{n}.jpg" for n in range(26)]
    pd.DataFrame({"Image": names[:24], "whaleID": [WHALES[n % 3] for n in range(24)]}).to_csv(home / "train.csv", index=False)
    sample = pd.DataFrame({"Image": names[24:]} | dict.fromkeys(WHALES, 0.3))
    sample.to_csv(home / "sample_submission.csv", index=False)
    table = pd.DataFrame({"Image": names[:24], "callosity": [n % 2 * 2 for n in range(24)]})
    table.to_csv(tmp_path / "input" / "callosity.csv", index=False)
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    return tmp_path
