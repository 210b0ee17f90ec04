"""A part detector in a localizer's place: the surest box of a part, the same in every table and for new photos."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from tests.left_by_a_fit import put
from whichwhale.annotations import build, read, write
from whichwhale.annotations.table import BOX
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.fusion import fuse
from whichwhale.detect.predicting import detect
from whichwhale.detect.tables import candidate_table
from whichwhale.detect.variants import make_net
from whichwhale.localize import locating
from whichwhale.localize.__main__ import main
from whichwhale.localize.boxes import out_of_fold_boxes, table_in
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, TruthConfig, ViewsConfig
from whichwhale.localize.detecting import Detecting, surest
from whichwhale.localize.locating import Locator
from whichwhale.localize.net import VARIANTS
from whichwhale.pictures.frames import letterbox
from whichwhale.pictures.store import in_memory

TINY = {"name": "test_resnet", "weights": False}
DETECTOR = DetectConfig(
    name="parts", backbone=TINY, frozen_norms=False, width=96, height=64, least_score=1e-4, threshold=0.3,
    views={"turned": False, "mirror": False},
    pyramid={"strides": [4, 8], "width": 16, "depth": 1, "scales": 1, "ratios": [1.0]},
)  # fmt: skip
ALIGNER = AlignerConfig(
    name="aligner", boxes="parts", size=64, backbone=TINY, heatmap={"width": 8}, views=ViewsConfig(rotations=[0]), least_score=0
)


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, Path]:
    """Two photos of 192 x 128 px, the first one dark."""
    paths = {f"{n}.jpg": tmp_path / f"{n}.jpg" for n in range(2)}
    for n, path in enumerate(paths.values()):
        cv2.imwrite(str(path), np.full((128, 192, 3), 90 * n, np.uint8))
    return paths


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two folds of a detector of heads and flukes, and of an aligner that was fitted with its boxes."""
    torch.manual_seed(0)
    for fold in (0, 1):
        put(tmp_path / "runs" / "parts", DETECTOR, make_net(DETECTOR, 2), fold, ("head", "fluke"))
        put(tmp_path / "runs" / "aligner", ALIGNER, VARIANTS["heatmap"](ALIGNER), fold)
    return tmp_path / "runs"


class TwoHeads(nn.Module):
    """Finds a large head and, more surely, a small one, in views that are not dark."""

    def find(self, images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        boxes, scores = torch.tensor([[30.0, 10, 80, 60], [10.0, 10, 20, 20]]), torch.tensor([0.4, 0.6])
        found = []
        for image in images:
            n = 2 if image.float().mean() > 20 else 0
            found.append({"boxes": boxes[:n], "scores": scores[:n], "labels": torch.zeros(n, dtype=torch.int64)})
        return found


@pytest.mark.parametrize("models", [1, 2])
def test_of_a_detectors_boxes_the_surest_counts(photos: dict[str, Path], models: int) -> None:
    small = LocalizerConfig(width=96, height=64)
    one_view = DetectConfig(width=96, height=64, views={"turned": False, "mirror": False})
    detector = Detecting(small, [TwoHeads()] * models, "a", None, one_view, ["head"], sides=[[]] * models)
    (located,) = Locator(detector, None).look(photos)
    assert list(located.boxes["status"]) == ["none", "ok"]
    np.testing.assert_allclose(located.boxes[BOX].iloc[1], [19.5, 19.5, 20, 20])  # half the photo's pixels; centres at integers
    assert located.boxes["score"].iloc[1] == pytest.approx(0.6)


def test_an_aligner_is_loaded_with_the_detector_that_it_was_fitted_on(home: Path, photos: dict[str, Path]) -> None:
    locator = locating.load(home / "aligner")
    assert isinstance(locator.localizer, Detecting) and len(locator.localizer.nets) == 2
    (located,) = locator.look(photos)
    assert list(located.table["Image"]) == list(located.boxes["Image"]) == list(photos)
    assert set(located.table["status"]) == {"ok"} and located.table["bonnet_tip_x"].notna().all()
    # The boxes are those of candidates.csv, as predict.py makes it for test photos.
    frame = lambda _, whole: letterbox(whole, DETECTOR.view_size)  # noqa: E731
    pictures = in_memory(photos, frame, DETECTOR.view_size)
    each = [detect(net, pictures, DETECTOR, ["head", "fluke"], list(photos)) for net in locator.localizer.nets]
    table = candidate_table(fuse(each, DETECTOR.overlap), -2, "", pictures, list(photos))
    best = table[(table["part"] == "head") & table["item"].str.endswith("#0")]
    np.testing.assert_allclose(located.boxes[BOX], best[BOX])
    assert (best["score"] < DETECTOR.threshold).all()  # which is of annotations.csv
    alone = locating.load(home / "parts")
    assert alone.aligner is None and alone.locate(photos)["status"].eq("ok").all()
    assert len(locating.read_fitted(home / "parts", fold=1).nets) == 1


def test_the_door_finds_heads_and_points_in_a_folder(home: Path, photos: dict[str, Path], capsys: pytest.CaptureFixture) -> None:
    folder, out = home.parent, home.parent / "found" / "annotations.csv"
    out.parent.mkdir()
    (folder / "broken.jpg").write_bytes(b"not a photo")
    (folder / "notes.txt").write_text("no photo")
    config = LocalizerConfig(name="heat", width=96, height=64, backbone=TINY, heatmap={"width": 8}, least_score=0)
    put(home / "heat", config, VARIANTS["heatmap"](config))
    for more, localizer in (([], None), (["--localizer", str(home / "heat")], home / "heat")):
        assert main(["find", str(home / "aligner"), str(folder), str(out), *more]) == 0
        told = f": 3 photos; 2 ok, 1 unreadable\nunreadable: {folder / 'broken.jpg'}: not an image"
        assert told in capsys.readouterr().out
        paths = photos | {"broken.jpg": folder / "broken.jpg"}
        expected = locating.load(home / "aligner", localizer).locate(paths).set_index("Image")
        found = read(out).set_index("Image")
        assert sorted(found.index) == sorted(paths) and found.loc["broken.jpg", "status"] == "unreadable"
        columns = [*BOX, "bonnet_tip_x", "blowhole_y", "blowhole_sd"]
        np.testing.assert_allclose(
            found.loc[list(photos), columns], expected.loc[list(photos), columns], atol=1e-2
        )  # px, as the file rounds
    assert main(["find", str(home / "parts"), str(photos["1.jpg"]), str(out)]) == 0  # a detector alone, one photo
    assert ": 1 photos; 1 ok" in capsys.readouterr().out and "bonnet_tip_x" not in read(out)
    for arguments, why in (
        ([str(home / "aligner"), str(home)], "holds no photo"),
        ([str(home / "aligner"), str(folder / "nowhere")], "nowhere: holds no photo"),
        ([str(home / "nothing"), str(folder)], "nothing: no fitted localizer or aligner"),
        ([str(home / "heat"), str(folder), "--localizer", str(home / "parts")], "is a localizer itself"),
    ):
        assert main(["find", *arguments[:2], str(out), *arguments[2:]]) == 2
        assert why in capsys.readouterr().err


def test_a_detector_gives_the_part_that_the_aligner_is_of(home: Path, photos: dict[str, Path]) -> None:
    for part in ("fluke", "eye"):
        config = ALIGNER.model_copy(update={"name": part, "truth": TruthConfig(part=part)})
        put(home / part, config, VARIANTS["heatmap"](config))
    assert locating.load(home / "fluke").localizer.part == "fluke"
    with pytest.raises(locating.LoadError, match="parts: finds head, fluke, and the aligner is of truth.part=eye"):
        locating.load(home / "eye")


def test_an_aligner_is_fitted_with_the_surest_boxes_out_of_fold(tmp_path: Path) -> None:
    common = {"part": "head", "y": 2.0, "width": 30.0, "height": 20.0}
    large = {"item": "a#0", "Image": "a", "fold": 0, "x": 1.0, "score": 0.4, **common}
    small = large | {"x": 50.0, "width": 12.0, "score": 0.9}
    unsure = {"item": "b#0", "Image": "b", "fold": 1, "x": 7.0, "score": 0.1, **common}
    write(tmp_path / "annotations.csv", build([large, small | {"item": "a#1"}, {"Image": "b", "fold": 1, "status": "none"}], []))
    dealt = pd.DataFrame({"Image": ["a", "b"], "fold": [0, 1], "kind": "closed"})
    assert out_of_fold_boxes(table_in(tmp_path), dealt, ["a", "b"])["a"].tolist() == [1, 2, 30, 20]  # a localizer's
    write(tmp_path / "candidates.csv", build([small, large | {"item": "a#1"}, unsure], []))
    found = out_of_fold_boxes(table_in(tmp_path), dealt, ["a", "b"])
    assert {image: box.tolist() for image, box in found.items()} == {"a": [50, 2, 12, 20], "b": [7, 2, 30, 20]}


def test_a_photo_without_the_part_has_none_and_an_unreadable_one_stays_so() -> None:
    head = {"item": "a#0", "Image": "a", "part": "head", "x": 1, "y": 2, "width": 3, "height": 4, "score": 0.5}
    rows = [head | {"part": "fluke"}, head | {"item": "b#1", "Image": "b"}, {"Image": "c", "status": "unreadable"}]
    found = surest(build([*rows, head | {"item": "d#0", "Image": "d"}], []), ["d", "c", "b", "a", "z"])
    assert list(found["Image"]) == ["d", "c", "b", "a", "z"]
    assert list(found["status"]) == ["ok", "unreadable", "none", "none", "none"]
