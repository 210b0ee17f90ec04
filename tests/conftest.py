"""One thread, no network, and property tests that draw the same examples each time and leave nothing in the checkout."""

import os
import tempfile
from pathlib import Path

# Before torch, OpenCV and the hub's client are imported: they read these once.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from hypothesis import configuration, settings

torch.set_num_threads(1)
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / f"whichwhale-hypothesis-{os.getuid()}")
settings.register_profile("whichwhale", deadline=None, derandomize=True)  # derandomized, it keeps no database of examples
settings.load_profile("whichwhale")
