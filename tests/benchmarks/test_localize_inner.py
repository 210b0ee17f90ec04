"""Folds within what trains: boxes by localizers that saw neither the photo nor what is held out."""

from pathlib import Path

import localize_inner
import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.small_localizer import NAMES
from whichwhale.annotations import build, write
from whichwhale.competition import folds
from whichwhale.localize.averaging import Views
from whichwhale.localize.boxes import boxes_of_views, out_of_fold_boxes
from whichwhale.localize.tables import FoldViews, write_views


def test_inner_folds_are_the_others_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    source, home = tmp_path / "input" / "sea", tmp_path / "runs" / "sea"
    (source / "imgs").mkdir(parents=True)
    home.mkdir(parents=True)
    images = [f"{n}.jpg" for n in range(7)]
    pd.DataFrame({"Image": images, "whaleID": "w"}).to_csv(source / "train.csv", index=False)
    (source / "sample_submission.csv").write_text("Image,w\nt.jpg,1\n")
    dealt = pd.DataFrame({"Image": images, "fold": [0, 1, 2, 0, 1, 2, -1], "kind": "closed"})
    folds.write(home / "folds.csv", dealt)
    localize_inner.make("sea", 1)
    localize_inner.make("sea", 1)
    inner = folds.read(tmp_path / "runs" / "sea_inner" / "folds.csv").set_index("Image")["fold"]
    assert inner.to_dict() == {"0.jpg": 0, "2.jpg": 1, "3.jpg": 0, "5.jpg": 1, "6.jpg": -1}
    assert (tmp_path / "input" / "sea_inner" / "imgs").resolve() == (source / "imgs").resolve()
    told = localize_inner.told(["dataset=sea", "data.root=sea", "folds.count=3", "fold=1", "name=a", "fit.epochs=1"], "sea")
    assert told == [
        "dataset=sea_inner", "data.root=sea_inner", "truth.folder=sea", "folds.count=2", "name=a", "fit.epochs=1"
    ]  # fmt: skip

    def views(run: Path, x: float, images: list[str]) -> None:
        run.mkdir(parents=True)
        found = Views(np.full((len(images), 1, 1, 2), x), np.ones((len(images), 1, 1)), np.full((len(images), 1, 2), 4.0), None)
        write_views(run / "views.npz", FoldViews(images, found, "x"))

    def table(path: Path, *rows: tuple[str, int]) -> None:
        box = {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}
        write(path, build([{"Image": image, "fold": fold, **box} for image, fold in rows], NAMES))

    within = tmp_path / "runs" / "sea_inner" / "l"
    views(within / "fold0", 10.0, ["0.jpg", "3.jpg", "6.jpg"])
    views(within / "fold1", 20.0, ["2.jpg", "5.jpg", "6.jpg"])
    views(home / "l" / "fold1", 30.0, ["1.jpg", "4.jpg", "t.jpg"])
    table(within / "annotations.csv", *((image, inner[image]) for image in images if inner.get(image, -1) >= 0),
          ("6.jpg", -2), ("t.jpg", -2))  # fmt: skip
    table(home / "l" / "fold1" / "annotations.csv", ("1.jpg", 1), ("4.jpg", 1), ("t.jpg", 1))
    assert localize_inner.assemble("sea", 1, "l") == home / "inner-boxes"
    found = out_of_fold_boxes(
        home / "inner-boxes" / "annotations.csv", dealt, [*images, "t.jpg"]
    )  # refuses what is not out-of-fold
    assert set(found) == {*images, "t.jpg"}
    boxes = boxes_of_views(home / "inner-boxes", dealt)
    assert {image: box[0, 0] + 2 for image, box in boxes.items()} == {
        "0.jpg": 10, "3.jpg": 10, "1.jpg": 30, "4.jpg": 30, "2.jpg": 20, "5.jpg": 20
    }  # fmt: skip
    folds.write(home / "folds.csv", dealt.assign(fold=[0, 1, 2, 0, 1, -1, 2]), replace=True)
    with pytest.raises(ValueError, match="sea_inner: is made of other photos or another split"):
        localize_inner.make("sea", 1)
