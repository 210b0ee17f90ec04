"""The lions' benchmark: names and seams of crops, and the whole road on a few made-up lions."""

import json
from pathlib import Path

import cv2
import lions
import lions_parts
import numpy as np
import pandas as pd
import pytest

import predict
import train

TINY = [
    "folds.count=2",
    "fold=[0,1]",
    "backbone.name=test_resnet",
    "backbone.weights=false",
    "passports.view.width=24",
    "passports.view.height=24",
    "view.width=24",
    "view.height=24",
]


def jpeg(path: Path, pixels: np.ndarray) -> None:
    """A JPEG, whatever the name says, as the real ones are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Twelve lions, each of a colour; one has no ears, one no portrait; some whiskers are of two photos."""
    random = np.random.default_rng(0)
    for number in range(12):
        lion = f"Lion-{number}"

        def crop(colour: np.ndarray, width: int = 40, height: int = 32) -> np.ndarray:
            return (colour + random.normal(0, 6, (height, width, 3))).clip(0, 255).astype(np.uint8)

        colour = random.uniform(40, 215, 3)
        two = np.vstack([crop(colour), crop(colour * 0.6)])
        named = {
            "Left_Face": crop(colour),
            "Right_face": crop(colour),
            "Nose": crop(colour),
            "Whiskers": two,
            "Tail": crop(colour),
        }
        named |= {} if number == 3 else {"left_ear": crop(colour), "Right Ear": crop(colour)}
        named |= {} if number == 4 else {"Portrait": crop(colour, 60, 80)}
        for part, pixels in named.items():
            jpeg(tmp_path / "source" / ("val" if number > 8 else "train") / lion / f"{lion}_{part}.png", pixels)
    return tmp_path / "source"


def test_what_is_made_of_the_crops(source: Path, tmp_path: Path) -> None:
    table = lions_parts.prepare(source, tmp_path / "lions")
    assert len(table) == 12 * 8 - 2 - 1
    assert table["photo"].is_unique and (table["encounter"] == table["animal"] + " " + table["sighting"]).all()
    assert lions_parts.told(table).startswith("93 crops of 12 lions; lions with each part: ear 11 and 11, both 11; face 12")
    one = table[table["animal"] == "Lion-0"].set_index("photo")
    assert one.loc["Lion-0/face_a.png", "source"] == "Lion-0_Left_Face.png"
    assert one.loc["Lion-0/nose_b.png", "source"] == "Lion-0_Portrait.png"
    upper, lower = (cv2.imread(str(tmp_path / "lions" / "Lion-0" / f"whiskers_{side}.png")) for side in "ba")
    assert upper.mean() * 0.6 == pytest.approx(lower.mean(), abs=4)
    assert len(upper) == len(lower) == 31  # 64 rows, one left out on either side of the seam
    assert cv2.imread(str(tmp_path / "lions" / "Lion-0" / "nose_b.png")).shape == (32, 26, 3)
    assert "Tail" not in " ".join(table["source"])
    pd.testing.assert_frame_equal(lions_parts.prepare(source, tmp_path / "lions"), table)


def test_one_photo_has_no_seam() -> None:
    smooth = np.linspace(0, 200, 60)[:, None, None] + np.random.default_rng(0).normal(0, 5, (60, 40, 3))
    assert lions_parts.split(smooth.clip(0, 255).astype(np.uint8)) is None


@pytest.mark.parametrize(
    "name", ["Ada_Left_ear_(back).png", "Ada_Ears.png", "Ada_Left_Portrait.png", "Ada_Face.png", "Ada_Nose_Cut.png"]
)
def test_other_parts_are_left_alone(name: str) -> None:
    assert lions_parts.crops_of(Path("nowhere") / "Ada" / name) == []  # not even opened


def test_the_whole_road(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    scripts = {"train": train.main, "predict": predict.main}

    def run(command: list[str]) -> int:
        return scripts[Path(command[0]).stem](command[1:])

    sets = [text for one in TINY for text in ("--set", one)]
    command = ["--models", "frozen", "--missing", "0", "0.3", "--times", "2", "--draws", "20", *sets]
    assert lions.main(command, run) == 2
    assert "say where the lions' crops lie with --source" in capsys.readouterr().err
    assert lions.main(["--source", str(source), *command], run) == 0
    shown = capsys.readouterr().out
    assert "| fitted weights |" in shown and "`frozen`, weights: ear" in shown and "30% of the parts left out" in shown
    found = json.loads((tmp_path / "runs" / "lions" / "lions.json").read_text())["frozen"]
    plain = found["tables"][0]
    assert plain["animals"] == 12 and plain["candidates"] == 6 and plain["same"] == 12
    fused = next(row for row in plain["scores"] if row["score"] == "fitted weights")
    assert fused["auc"][0] > 0.8  # colours tell these lions apart, whatever the network
    assert (tmp_path / "runs" / "lions" / "frozen" / "fusion.json").exists()
    assert lions.main(command, lambda _: 3) == 1
