"""The code that something comes of: found by its imports, known by what it means."""

import sys
from pathlib import Path

import pytest

from whichwhale.identify import sources
from whichwhale.identify.sources import fingerprint, packages
from whichwhale.identify.sources import sources as sources_of

FILES = {
    "__init__.py": "",
    "top.py": "import json\nimport numpy as np\nfrom HOUSE.part import make\nfrom HOUSE import leaf\nA = 1\n",
    "part/__init__.py": "from HOUSE.part.inner import make\nfrom HOUSE.part import other\n",
    "part/inner.py": "def make():\n    import HOUSE.late\n    return HOUSE.late.X\n",
    "part/other.py": "import yaml, torch.nn\n",
    "part/alone.py": "",
    "leaf.py": "from HOUSE.settings import B\n",
    "late.py": "X = 1\n",
    "settings.py": "from HOUSE.deep import B\n",
    "deep.py": "B = 2\n",
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A package of a name of its own, since modules stay imported."""
    name = "house_" + "".join(c if c.isalnum() else "_" for c in request.node.name)
    for path, text in FILES.items():
        (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / path).write_text(text.replace("HOUSE", name))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / name
    for module in [one for one in sys.modules if one.split(".")[0] == name]:
        del sys.modules[module]


def found(house: Path, *without: str) -> set[str]:
    modules = sources_of(f"{house.name}.top", tuple(f"{house.name}.{one}" for one in without))
    assert all(path.is_file() for path in modules.values())
    return {module.removeprefix(f"{house.name}.") for module in modules}


def test_imports_are_followed_within_functions_and_through_packages(house: Path) -> None:
    assert found(house) == {"top", "part", "part.inner", "part.other", "leaf", "late", "settings", "deep"}
    assert found(house, "settings") == {"top", "part", "part.inner", "part.other", "leaf", "late"}
    assert found(house, "part") == {"top", "leaf", "settings", "deep"}
    assert found(house, "par") == found(house)


@pytest.mark.parametrize("file", ["top.py", "part/__init__.py", "part/inner.py", "leaf.py", "late.py", "deep.py"])
def test_an_edit_of_any_of_them_is_other_code(house: Path, file: str) -> None:
    before = fingerprint(sources_of(f"{house.name}.top"))
    text = (house / file).read_text()
    (house / file).write_text(f'"""What it is."""\n\n# why\n{text}\n\n')
    assert fingerprint(sources_of(f"{house.name}.top")) == before
    (house / file).write_text(f"{text}C = 1\n")
    assert fingerprint(sources_of(f"{house.name}.top")) != before
    (house / file).write_text(text)
    assert fingerprint(sources_of(f"{house.name}.top")) == before
    (house / "part" / "alone.py").write_text("C = 1\n")
    assert fingerprint(sources_of(f"{house.name}.top")) == before


def test_packages_are_those_that_are_imported(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "version", lambda name: f"{name} 1")
    assert packages(sources_of(f"{house.name}.top")) == {"numpy": "numpy 1", "torch": "torch 1"}  # yaml has no say
    (house / "late.py").write_text("import cv2, albumentations\n")
    assert packages(sources_of(f"{house.name}.top")).keys() == {
        "albucore",
        "albumentations",
        "numpy",
        "opencv-python-headless",
        "torch",
    }


def test_what_cannot_be_followed_is_refused(house: Path) -> None:
    (house / "late.py").write_text("X = 1\nfrom . import leaf\n")
    with pytest.raises(ImportError, match="late.py: line 2: a relative import"):
        found(house)
    (house / "late.py").write_text(f"from {house.name}.nowhere import leaf\n")
    with pytest.raises(ImportError, match="nowhere: no such module"):
        found(house)
