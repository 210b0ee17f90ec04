"""Small catalogues."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.catalogue.made_up import some_photos
from whichwhale.catalogue.config import CatalogueConfig
from whichwhale.catalogue.editing import build
from whichwhale.catalogue.gallery import Gallery


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "whales"


@pytest.fixture
def made(folder: Path) -> Callable[..., Gallery]:
    """Builds a catalogue of `some_photos` in `folder`."""

    def make(animals: int = 4, photos: int = 3, config: CatalogueConfig | None = None, **about) -> Gallery:
        return build(folder, some_photos(animals, photos, **about), config or CatalogueConfig())[0]

    return make
