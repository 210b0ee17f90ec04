"""Views averaged: each with the logits that are meant for it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from whichwhale.geometry import identity, scaling
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier
from whichwhale.identify.predicting import predict
from whichwhale.passport.plane import PlaneView
from whichwhale.passport.store import Store

VIEW = {"width": 48, "height": 32}


@pytest.fixture
def store() -> Store:
    images = np.random.default_rng(0).integers(0, 255, (3, 32, 48, 3), dtype=np.uint8)
    return Store(Path(), "", images, pd.DataFrame(), PlaneView(**VIEW).matrix())


def make(mirrored: str) -> tuple[Identifier, IdentifyConfig]:
    torch.manual_seed(0)
    config = IdentifyConfig.model_validate(
        {"view": VIEW, "mirrored": mirrored, "backbone": {"name": "test_resnet", "weights": False}, "fit": {"precision": "no"}}
    )
    net = Identifier(config, classes=4, auxiliary_classes=0).eval()
    torch.nn.init.normal_(net.head.linear.weight)
    return net, config


@pytest.mark.parametrize(("mirrored", "columns"), [("same", np.s_[:4]), ("twin", np.s_[4:])])
def test_mirrored_views_are_answered_by_the_twins_if_there_are_any(store: Store, mirrored: str, columns: slice) -> None:
    net, config = make(mirrored)

    def raw(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
            return net.head.logits(net.backbone(pixels)).numpy()

    views = [identity(), scaling(1.0, -1.0)]
    logits, embedding = predict(net, store, np.arange(3), config, views)
    plain, flipped = raw(store.images), raw(store.images[:, ::-1])
    np.testing.assert_allclose(logits, (plain[:, :4] + flipped[:, columns]) / 2, rtol=1e-4, atol=1e-4)
    alone = predict(net, store, np.arange(3), config, views[:1])[1]
    same = np.allclose(embedding, alone, atol=1e-6)
    assert same == (mirrored == "twin")  # a twin's embedding has no part in the whale's
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)
