"""kill -9 at every file operation of an addition; a reader beside a writer; two writers."""

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from tests.catalogue.made_up import some_photos
from whichwhale.catalogue import editing
from whichwhale.catalogue.config import CatalogueConfig, IndexConfig
from whichwhale.catalogue.editing import add, build
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import read
from whichwhale.catalogue.lock import writing
from whichwhale.catalogue.search import Searcher

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: object) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, str(ROOT / "tests" / "catalogue" / script), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("above", [50_000, 10])
def test_an_addition_that_is_killed_is_whole_or_not_there(tmp_path: Path, above: int) -> None:
    """With the approximate index (above=10) and without."""
    start = tmp_path / "start"
    build(start, some_photos(4, 3), CatalogueConfig(index=IndexConfig(above=above)))
    for n in (4, 5):
        add(start, some_photos(1, 2, first=n))
    old = read(start)
    outlived = int(run("add_and_die.py", start, tmp_path / "work"))
    assert outlived > 20
    finished, killed_after = 0, 0
    for number in range(1, outlived):
        folder = tmp_path / "work" / str(number)
        gallery = read(folder)
        added = "a9" in gallery.animals
        finished += added
        assert gallery.animals == sorted([*old.animals, *(["a9"] if added else [])])
        np.testing.assert_array_equal(gallery.vectors()[: len(old)], old.vectors())
        if added:
            np.testing.assert_array_equal(gallery.vectors()[len(old) :], some_photos(1, 2, first=9).vectors)
        if number % 4:
            continue
        again, told = add(folder, some_photos(1, 2, first=9))
        killed_after += any("an earlier writer was killed: process" in line for line in told)
        assert len(again) == len(old) + 2
        assert {path.name for path in folder.iterdir()} == again.manifest.files() | {"catalogue.json", "writer.lock"}
        (found,) = Searcher(again).rank([some_photos(1, 1, first=9).vectors], 1)
        assert again.animals[found.animal[0]] == "a9"
    assert 0 < finished < outlived - 1, "some died before and some after the change was made"
    assert killed_after > 3, "the next writer says that one was killed"


def test_a_reader_beside_a_writer(folder: Path, made) -> None:
    """A reader that opens again and again sees whole generations only, in order, while another process adds 15 animals."""
    made()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    script = (
        "import sys; from tests.catalogue.made_up import some_photos; from whichwhale.catalogue.editing import add\n"
        "for n in range(4, 19): add(sys.argv[1], some_photos(1, 2, first=n))"
    )
    first, opened = read(folder), set()
    with subprocess.Popen([sys.executable, "-c", script, str(folder)], env=environment) as writer:
        last = 12
        while writer.poll() is None:
            gallery = read(folder)
            assert last <= len(gallery) and len(gallery) % 2 == 0
            last = len(gallery)
            opened.add(last)
            vectors = gallery.vectors()
            assert vectors.shape == (last, 16)
            np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert writer.returncode == 0
    assert len(read(folder)) == 12 + 30
    np.testing.assert_array_equal(first.vectors(), some_photos(4, 3).vectors)
    assert len(opened) >= 2


def test_one_writer_at_a_time(folder: Path, made) -> None:
    made()
    with (
        writing(folder, "add 7 photos"),
        pytest.raises(
            CatalogueError, match=rf"process {os.getpid()} on .* \(add 7 photos, since .*\) is writing to it; try again"
        ),
    ):
        add(folder, some_photos(1, 1, first=4))
    gallery, told = add(folder, some_photos(1, 1, first=4))
    assert len(gallery) == 13 and told == ["1 new animal: a4"], "a lock that was given back is no dead writer's"


def test_a_build_that_comes_second_wipes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another build and an addition begin and end after the second build found no catalogue and before it has the lock."""

    def late(at: Path, doing: str, new: bool = False) -> AbstractContextManager[str | None]:
        monkeypatch.setattr(editing, "writing", writing)
        build(folder, some_photos(4, 3), CatalogueConfig())
        add(folder, some_photos(1, 2, first=4))
        return writing(at, doing, new)

    monkeypatch.setattr(editing, "writing", late)
    with pytest.raises(CatalogueError, match="is a catalogue already"):
        build(folder, some_photos(2, 2), CatalogueConfig())
    assert len(read(folder)) == 14 and len(read(folder).vectors()) == 14


def test_a_killed_build_can_be_made_again(folder: Path) -> None:
    folder.mkdir()
    (folder / ".vectors-000001.npy.123.part").write_bytes(b"half")
    (folder / "vectors-000001.npy").write_bytes(b"half")
    (folder / "writer.lock").write_text('{"process": 1, "machine": "m", "doing": "build", "since": "then"}')
    gallery, told = build(folder, some_photos(2, 2), CatalogueConfig())
    assert told == [
        "an earlier writer was killed: process 1 on m (build, since then); what it had not finished is gone, the rest is whole"
    ]
    assert {path.name for path in folder.iterdir()} == gallery.manifest.files() | {"catalogue.json", "writer.lock"}
