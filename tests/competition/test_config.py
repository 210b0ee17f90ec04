"""folds.csv of a data set: dealt once, taken as it is afterwards, refused where it does not fit."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from whichwhale.competition import Competition, folds
from whichwhale.competition.config import FoldsConfig, RepeatedFoldsConfig
from whichwhale.competition.folds import FoldsError


def make_competition(photos: int = 12) -> Competition:
    train = pd.DataFrame({"Image": [f"w_{n}.jpg" for n in range(photos)], "whaleID": [f"whale_{n % 3}" for n in range(photos)]})
    return Competition(Path("heads"), train, [], ["whale_0", "whale_1", "whale_2"])


def test_folds_are_dealt_once_and_then_read(tmp_path: Path) -> None:
    dealt = FoldsConfig(count=2, seed=1).open(tmp_path / "folds.csv", make_competition())
    again = FoldsConfig(count=2, seed=9).open(tmp_path / "folds.csv", make_competition())
    pd.testing.assert_frame_equal(dealt, again)  # the seed is for dealing; what is dealt stays


def test_folds_of_ones_own_are_taken(tmp_path: Path) -> None:
    data = make_competition()
    own = pd.DataFrame({"Image": data.train["Image"], "fold": [0] * 8 + [1] * 4, "kind": "closed"})
    folds.write(tmp_path / "folds.csv", own)
    assert FoldsConfig(count=2).open(tmp_path / "folds.csv", data)["fold"].tolist() == own["fold"].tolist()


def test_folds_of_other_photos_or_another_number_are_refused(tmp_path: Path) -> None:
    FoldsConfig(count=2).open(tmp_path / "folds.csv", make_competition())
    with pytest.raises(FoldsError, match=r"1 differ, first w_12\.jpg"):
        FoldsConfig(count=2).open(tmp_path / "folds.csv", make_competition(13))
    with pytest.raises(FoldsError, match=r"folds\.count=2"):
        FoldsConfig(count=3).open(tmp_path / "folds.csv", make_competition())


def test_folds_are_the_same_file_whatever_is_skipped(tmp_path: Path) -> None:
    whole = make_competition()
    bad = whole.train["Image"].isin(["w_0.jpg", "w_7.jpg"])
    less = replace(whole, train=whole.train[~bad], skipped=whole.train[bad])
    FoldsConfig(count=2).open(tmp_path / "whole.csv", whole)
    kept = FoldsConfig(count=2).open(tmp_path / "less.csv", less)
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "less.csv").read_bytes()
    assert set(kept["Image"]) == set(less.train["Image"])
    assert FoldsConfig(count=2).open(tmp_path / "less.csv", whole)["fold"].tolist() == [
        *FoldsConfig(count=2).open(tmp_path / "whole.csv", whole)["fold"]
    ]
    folds.write(tmp_path / "own.csv", kept)  # folds of one's own need not know the photos that are skipped
    assert len(FoldsConfig(count=2).open(tmp_path / "own.csv", less)) == 10
    with pytest.raises(FoldsError, match=r"2 differ, first w_0\.jpg"):
        FoldsConfig(count=2).open(tmp_path / "own.csv", whole)


def test_partitions_lie_beside_the_first(tmp_path: Path) -> None:
    data, path = make_competition(24), tmp_path / "folds.csv"
    config = RepeatedFoldsConfig(count=2, repeat=3, calibration=0.1)
    first = config.open(path, data)
    second, third = config.open_repeats(path, data)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folds.csv", "folds1.csv", "folds2.csv"]
    pd.testing.assert_frame_equal(config.open_repeats(path, data)[1], third)
    assert (first["fold"] != second["fold"]).any() and (second["fold"] != third["fold"]).any()
    assert RepeatedFoldsConfig(count=2, calibration=0.1).open_repeats(path, data) == []
    FoldsConfig(count=2, seed=5).open(tmp_path / "other.csv", data)
    (tmp_path / "folds2.csv").write_bytes((tmp_path / "other.csv").read_bytes())
    with pytest.raises(FoldsError, match=r"folds2\.csv: is no other partition of"):
        config.open_repeats(path, data)


def test_photos_set_aside_are_asked_for_by_all_or_none(tmp_path: Path) -> None:
    data, path = make_competition(24), tmp_path / "folds.csv"
    RepeatedFoldsConfig(count=2, calibration=0.1).open(path, data)
    with pytest.raises(FoldsError, match="photos aside to calibrate on, the config asks for none"):
        FoldsConfig(count=2).open(path, data)
    RepeatedFoldsConfig(count=2).open(tmp_path / "plain.csv", data)
    with pytest.raises(FoldsError, match="sets no photo aside .* asks for calibration=0.1"):
        RepeatedFoldsConfig(count=2, calibration=0.1).open(tmp_path / "plain.csv", data)
    with pytest.raises(ValueError, match="is for kind=closed"):
        RepeatedFoldsConfig(calibration=0.1, kind="disjoint")
