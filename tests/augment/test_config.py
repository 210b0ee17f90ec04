"""What is twice or nowhere is refused."""

import pydantic
import pytest

from whichwhale.augment import AugmentConfig, MixConfig
from whichwhale.augment.config import AIR, CAMERA, IN_PRESET, SEA


def test_every_piece_is_a_key_and_off_by_default() -> None:
    config = AugmentConfig()
    assert all(getattr(config, piece) == 0 for piece in (*SEA, *AIR, *CAMERA))
    assert not config.mix.on


@pytest.mark.parametrize(("preset", "piece"), [(preset, piece) for preset, has in IN_PRESET.items() for piece in has])
def test_a_piece_that_the_preset_has_is_refused(preset: str, piece: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=f"photometric: {preset} has {piece} already"):
        AugmentConfig(photometric=preset, **{piece: 0.1})
    assert getattr(AugmentConfig(photometric="none", **{piece: 0.1}), piece) == 0.1


def test_mixing_is_on_when_something_is_mixed() -> None:
    assert MixConfig(mixup=0.2).on and MixConfig(cutmix=1.0).on
    assert not MixConfig(chance=0.0, cutmix=1.0).on and not MixConfig(chance=1.0).on
    assert MixConfig(mixup=0.2, until=0.5).epochs(5) == 2.5 and MixConfig(until=0.5).epochs(5) == 0
    with pytest.raises(pydantic.ValidationError):
        MixConfig(until=0.0)
