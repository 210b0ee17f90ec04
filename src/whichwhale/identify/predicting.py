"""Running an identifier over passports: views averaged, contract 3 written."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from tqdm import tqdm

from whichwhale.fit.batches import Items, in_order, load
from whichwhale.fit.machine import ask_machine, keep_freed_memory
from whichwhale.geometry import Affine
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier
from whichwhale.identify.passports import prediction_views, view_passport
from whichwhale.passport.store import Store

AVERAGING = "mean of logits over views; mean of embeddings, then unit length"


def predict(
    net: Identifier, store: Store, rows: NDArray, config: IdentifyConfig, views: list[Affine] | None = None, name: str = ""
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits float32 [rows, classes] and embeddings float32 [rows, dims] (unit length), averaged over the config's views."""
    keep_freed_memory()
    machine = ask_machine(config.fit.precision)
    device, half = torch.device(machine.device), {"bf16": torch.bfloat16, "fp16": torch.float16}.get(machine.precision)
    training = net.training
    net.eval().to(device, memory_format=torch.channels_last)
    logits, embeddings = 0.0, 0.0
    views = prediction_views(config.views, config.view) if views is None else views
    batches = in_order(len(rows), config.views.batch_size)
    bar = tqdm(total=len(views) * len(batches), desc=name or "predict", unit="batch", delay=2, leave=False)
    with torch.inference_mode(), torch.autocast(device.type, half, enabled=half is not None):
        for move in views:
            items = Items(len(rows), lambda i, move=move: {"image": view_passport(store, int(rows[i]), config.view, move)})
            outputs = []
            for batch in load(items, batches, device):
                outputs.append(net(batch["image"]))
                bar.update()
            logits = logits + torch.cat([output.logits for output in outputs]).cpu() / len(views)
            embeddings = embeddings + torch.cat([output.embedding for output in outputs]).cpu()
    bar.close()
    net.train(training)
    return logits.numpy(), F.normalize(embeddings).numpy()
