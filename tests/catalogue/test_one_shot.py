import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.catalogue.made_up import some_photos
from whichwhale.catalogue.__main__ import main
from whichwhale.catalogue.one_shot import names_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """good.npz and poor.npz: vectors of the same 30 animals with 6 photos each, in different order; labels.csv."""
    monkeypatch.chdir(tmp_path)
    for name, spread, order in (("good", 0.3, 1), ("poor", 2.5, -1)):
        photos = some_photos(30, 6, spread=spread)
        np.savez(f"{name}.npz", vectors=photos.vectors[::order], photo=photos.table["photo"].to_numpy(str)[::order], model=name)
    photos.table.to_csv("labels.csv", index=False)
    return tmp_path


ASK = [
    "one-shot",
    "--table",
    "labels.csv",
    "--draws",
    "20",
    "--episodes",
    "30",
    "--json",
    "a.json",
    "--ways",
    "4",
    "--shots",
    "1",
    "5",
]


def test_a_table_of_models(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ASK, "--vectors", "good.npz", "poor.npz"]) == 0
    shown = capsys.readouterr().out
    assert "180 photos of 30 animals" in shown and "is not known; if it was, all figures are too good" in shown
    rows = json.loads(Path("a.json").read_text())
    assert [(row["vectors"], row["shots"]) for row in rows] == [("good", 1), ("good", 5), ("poor", 1), ("poor", 5)]
    good, _, poor, poor_five = rows
    assert good["nearest"][0] > 0.95 and 0.25 < poor["nearest"][0] < poor_five["knn"][0] < good["nearest"][0]
    assert all(row["flat"] is None for row in rows)
    # alone it gets the same: episodes don't depend on the company or the order of rows
    assert main([*ASK, "--vectors", "poor.npz"]) == 0
    assert json.loads(Path("a.json").read_text()) == rows[2:]


def test_a_flat_map_beside_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The map is made of vectors alone; here by a projection in UMAP's place."""

    class Projection:
        def __init__(self, **keys: object) -> None:
            assert keys["n_components"] == 2 and keys["metric"] == "cosine" and keys["random_state"] == 0

        def fit_transform(self, vectors: np.ndarray) -> np.ndarray:
            assert vectors.shape == (180, 16)
            return vectors[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Projection))
    assert main([*ASK, "--vectors", "good.npz", "--flat", "--names", "a name"]) == 0
    for row in json.loads(Path("a.json").read_text()):
        assert row["vectors"] == "a name" and 0.25 < row["flat"][0] < row["knn"][0] and row["flat_k"] >= 1


def test_too_few_animals_for_a_row_leave_the_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ASK, "--vectors", "good.npz", "--ways", "4", "13"]) == 0
    assert (
        "good            13     5 none: to choose k on: 12 animals have more than 5 photos, it takes 13"
        in capsys.readouterr().out
    )
    rows = json.loads(Path("a.json").read_text())
    assert [(row["ways"], row["why"] is None, row["nearest"] is None) for row in rows] == [
        (4, True, False),
        (4, True, False),
        (13, False, True),
        (13, False, True),
    ]


def test_umap_keeps_well_parted_animals_apart() -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed")
    from whichwhale.catalogue.flat import flat_map

    photos = some_photos(3, 8, spread=0.05)
    flat = flat_map(photos.vectors, seed=0)
    assert flat.shape == (24, 2)
    away = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    np.fill_diagonal(away, np.inf)
    np.testing.assert_array_equal(away.argmin(axis=1) // 8, np.repeat(np.arange(3), 8))
    with pytest.raises(ValueError, match="a map takes four"):
        flat_map(photos.vectors[:3], seed=0)


def test_twins_of_one_encounter_teach_nothing(folder: Path) -> None:
    """Vectors that are the encounter's alone: each photo finds its twin, and nobody where encounters are known."""
    photos = some_photos(30, 6)
    vectors = np.repeat(np.random.default_rng(3).normal(size=(90, 16)), 2, 0)
    np.savez("burst.npz", vectors=vectors, photo=photos.table["photo"].to_numpy(str), model="m")
    photos.table.assign(encounter=[f"e{row // 2}" for row in range(180)]).to_csv("met.csv", index=False)
    accuracy = {}
    for table in ("labels.csv", "met.csv"):
        assert main(["one-shot", "--vectors", "burst.npz", "--table", table, *ASK[3:-3], "--shots", "4"]) == 0
        accuracy[table] = json.loads(Path("a.json").read_text())[0]["nearest"][0]
    assert accuracy["met.csv"] < 0.5 < 0.8 < accuracy["labels.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --vectors"),
        (["--vectors", "good.npz", "--names", "a", "b"], "2 --names for 1 files"),
        (["--vectors", "good.npz", "--ways", "25"], "ask for fewer --ways or --shots"),
        (["--vectors", "good.npz", "--validation", "1"], "--validation a share"),
    ],
)
def test_refusals(folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ASK, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_files_must_speak_of_the_same_photos(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = some_photos(10, 6, first=50)
    np.savez(
        "far.npz", vectors=photos.vectors, photo=photos.table["photo"].to_numpy(str), animal=photos.table["animal"].to_numpy(str)
    )
    own = some_photos(30, 6)
    np.savez("own.npz", vectors=own.vectors, photo=own.table["photo"].to_numpy(str), animal=own.table["animal"].to_numpy(str))
    np.savez(
        "wrong.npz",
        vectors=own.vectors,
        photo=own.table["photo"].to_numpy(str),
        animal=np.roll(own.table["animal"].to_numpy(str), 6),
    )
    for other, message in (("far", "hold out no photo in common"), ("wrong", "shows another animal than own.npz does")):
        assert main(["one-shot", "--vectors", "own.npz", f"{other}.npz"]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["verify", "novelty", "one-shot", "fuse"])
def test_each_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"python -m whichwhale.catalogue {command} --vectors " in capsys.readouterr().out


def test_models_are_told_apart_by_as_much_of_their_path_as_it_takes() -> None:
    fits = [Path(f"runs/heads/{name}/predictions.npz") for name in ("arcface/fold0", "triplet/fold0", "triplet/fold1")]
    assert names_of(fits) == ["arcface", "triplet/fold0/predictions.npz", "triplet/fold1/predictions.npz"]
    assert names_of([fits[0], Path("a/mine.npz"), Path("b/mine.npz"), Path("other.npz")]) == [
        "arcface",
        "a/mine.npz",
        "b/mine.npz",
        "other",
    ]
    assert names_of([Path("predictions.npz")]) == ["predictions"] and names_of(fits[:1] * 2)[0].endswith("predictions.npz")
