"""The augmentation benchmark on a small data set: its figures are the machine's, so only that they are there is looked at."""

import re
from pathlib import Path

import augmentation
import pytest

from whichwhale.augment import AugmentConfig, MixConfig

TINY = ["dataset=heads", "backbone={name: test_resnet, weights: false}", "view={width: 32, height: 32}"]


def test_each_thing_that_a_config_has_is_told_once(heads: Path, capsys: pytest.CaptureFixture) -> None:
    more = ["augment={photometric: light, wash: 0.5, mix: {mixup: 0.2}}", "--pictures", "5", "--rounds", "1"]
    assert augmentation.main([str(heads / "tiny.yaml"), *TINY, *more]) == 0
    told = capsys.readouterr().out
    assert re.findall(r"^  (?:\+ )?(.+) -?\d+\.\d{3}$", told, re.M) == ["all", "geometry and warp", "light", "wash (0.5)", "mix"]
    assert not (heads / "runs" / "heads" / "tiny").exists()


def test_variants_by_hand() -> None:
    whole = AugmentConfig(photometric="heavy", occlusion=0.2, haze=0.1, mix=MixConfig(cutmix=1.0))
    found = augmentation.variants(whole)
    assert list(found) == ["all", "geometry", "heavy", "haze (0.1)", "occlusion (0.2)", "mix"]
    assert found["all"] is whole and found["haze (0.1)"] == AugmentConfig(photometric="none", haze=0.1)
    assert found["geometry"] == AugmentConfig(photometric="none")


def test_what_it_cant_do_it_says(heads: Path, capsys: pytest.CaptureFixture) -> None:
    assert augmentation.main([str(heads / "tiny.yaml"), *TINY, "--rounds", "0"]) == 2
    assert "--pictures and --rounds must be 1 or more" in capsys.readouterr().err
