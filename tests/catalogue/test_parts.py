"""`fuse`: several parts of made-up animals, from the command line to the answers of a catalogue."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whichwhale.catalogue import fused_search, parts
from whichwhale.catalogue.__main__ import main
from whichwhale.catalogue.config import CatalogueConfig
from whichwhale.catalogue.editing import build
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import read
from whichwhale.catalogue.held_out import HeldOut, held_out
from whichwhale.catalogue.incoming import Incoming, of_file
from whichwhale.catalogue.manifest import Model

SPREAD = {"ear": 0.8, "face": 0.6, "nose": 1.6}


def animals(first: int, count: int, seed: int = 0) -> pd.DataFrame:
    """Each has a left and a right sighting of three parts, but every fourth has no right ear."""
    rows = []
    for number in range(first, first + count):
        for side in ("left", "right"):
            for part in SPREAD:
                if (part, side, number % 4) != ("ear", "right", 0):
                    rows.append((f"a{number}_{side}_{part}.png", f"a{number}", part, side, f"a{number} {side}"))
    return pd.DataFrame(rows, columns=["photo", "animal", "part", "side", "encounter"])


def vectors_of(table: pd.DataFrame, dims: int = 24) -> np.ndarray:
    """About a direction of animal and part; what differs of two sightings grows with the part's spread."""
    found = []
    for _, row in table.iterrows():
        centre = np.random.default_rng([int(row["animal"][1:]), list(SPREAD).index(row["part"])]).normal(size=dims)
        noise = np.random.default_rng([9, zlib.crc32(row["photo"].encode())]).normal(size=dims)
        found.append(centre + SPREAD[row["part"]] * noise)
    return np.array(found)


def write(name: str, table: pd.DataFrame) -> None:
    np.savez(name, vectors=vectors_of(table), photo=table["photo"].to_numpy(str), model="m")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """one.npz and two.npz hold out other animals; parts.csv says what all photos show."""
    monkeypatch.chdir(tmp_path)
    tables = animals(0, 14), animals(14, 14)
    for name, table in zip(("one.npz", "two.npz"), tables, strict=True):
        write(name, table)
    pd.concat(tables).to_csv("parts.csv", index=False)
    return tmp_path


ASK = ["--table", "parts.csv", "--asked", "side=left", "--among", "side=right", "--draws", "50"]


def test_fit_judge_and_ask(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["fuse", "--vectors", "one.npz", "two.npz", *ASK, "--missing", "0", "0.4", "--times", "3", "--json", "a.json"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "fitted weights" in shown and "less face" in shown and "fusion.json: written" in shown
    numbers = json.loads(Path("a.json").read_text())
    plain, lacking = numbers["tables"]
    assert (plain["queries"], plain["same"], plain["candidates"]) == (28, 28, 14)
    assert (lacking["missing"], lacking["queries"]) == (0.4, 84)
    rows = {row["score"]: row for row in plain["scores"]}
    assert rows["ear"]["there"] == 0.75 and rows["face"]["there"] == 1
    assert rows["fitted weights"]["auc"][0] >= rows["face"]["auc"][0] > rows["nose"]["auc"][0]
    fitted = parts.read(Path("fusion.json"))
    assert fitted.parts == ["ear", "face", "nose"] and fitted.missing == 0.4 and fitted.slope[1] > fitted.slope[2]
    assert "is not known; if it was" in fitted.warning

    # a catalogue of right sides, asked about a left one, and about a stranger
    table = animals(40, 12)
    right, left = (table[table["side"] == side] for side in ("right", "left"))
    write("right.npz", right)
    write("new.npz", pd.concat([left.iloc[3:6], animals(91, 1).iloc[:3]]))
    pd.concat([table, animals(91, 1)]).to_csv("new.csv", index=False)
    assert main(["build", "lions", "--vectors", "right.npz", "--table", "new.csv"]) == 0
    capsys.readouterr()
    asking = ["fuse", "--catalogue", "lions", "--vectors", "new.npz", "--table", "new.csv", "--weights", "fusion.json"]
    assert main([*asking, "--new-rate", "0.2", "--json", "b.json"]) == 0
    known, stranger = json.loads(Path("b.json").read_text())["answers"]
    assert known["query"] == "a41 left" and len(known["photos"]) == 3
    assert known["matches"][0]["animal"] == "a41" and known["matches"][0]["probability"] > 0.5 > known["nobody"]
    assert stranger["matches"][0]["probability"] < stranger["nobody"] and stranger["guesses"][0] == "new_whale"
    for one in (known, stranger):
        assert sum(match["probability"] for match in one["matches"]) + one["nobody"] + one["others"] == pytest.approx(1)
    capsys.readouterr()
    write("again.npz", pd.concat([left.iloc[3:6], right.iloc[:2]]))
    assert main([*asking[:4], "again.npz", *asking[5:], "--asked", "side=left|right"]) == 0
    shown = capsys.readouterr().out
    assert "2 of the photos are in the catalogue themselves, such as a40_right_" in shown and "is not known; if it was" in shown

    # parts that nothing is known of, and animals that were not seen of the part asked about: a43 has no right ear
    assert main([*asking, "--asked", "part=ear", "--top", "20", "--json", "c.json"]) == 0
    ears = json.loads(Path("c.json").read_text())["answers"][0]["matches"]
    (unseen,) = [one for one in ears if one["animal"] == "a44"]
    assert unseen["cosine"] is None and unseen["best_photo"] == "" and "no part in common" in capsys.readouterr().out
    tail = pd.DataFrame([("t.png", "a40", "tail", "left", "a40 tail")], columns=table.columns)
    np.savez("tail.npz", vectors=np.ones((1, 24)), photo=["t.png"], model="m")
    tail.drop(columns="encounter").to_csv("tail.csv", index=False)
    assert main([*asking[:4], "tail.npz", "--table", "tail.csv", *asking[7:]]) == 1
    shown = capsys.readouterr().out
    assert "t.png: left out; it shows no part that has a weight" in shown and "so each is asked alone" in shown


def test_missing_parts_are_drawn_by_the_seed(folder: Path) -> None:
    found = held_out(of_file("one.npz").labelled(pd.read_csv("parts.csv"), "parts.csv"), "one.npz")
    seen = parts.sightings(found, "one.npz", ["side=left"], ["side=right"])
    whole, again, other = (
        parts.evidence([seen], missing=rate, times=2, seed=seed) for rate, seed in ((0, 1), (0.5, 1), (0.5, 2))
    )
    same = parts.evidence([seen], missing=0.5, times=2, seed=1)
    np.testing.assert_array_equal(again.cosine, same.cosine)
    assert (np.isnan(again.cosine) != np.isnan(other.cosine)).any()
    assert len(again) == 2 * len(whole) and np.isnan(again.cosine).mean() > np.isnan(whole.cosine).mean()
    # animals of one file are dealt to groups, and a pair lies in one
    group = dict(zip(whole.first.tolist(), whole.group.tolist(), strict=True))
    assert all(group[one] == own for one, own in zip(whole.second.tolist(), whole.group.tolist(), strict=True))
    assert len(set(group.values())) == parts.GROUPS
    kept = ~np.isnan(again.cosine[: len(whole)])
    np.testing.assert_array_equal(again.cosine[: len(whole)][kept], whole.cosine[kept])


def test_a_sighting_may_have_several_photos_of_a_part(folder: Path) -> None:
    table = animals(0, 3)
    table = pd.concat([table, table.iloc[[0]].assign(photo="a0_left_ear2.png")])
    write("three.npz", table)
    seen = parts.sightings(held_out(of_file("three.npz").labelled(table, "t"), "t"), "t")
    units = vectors_of(table) / np.linalg.norm(vectors_of(table), axis=1, keepdims=True)
    ear = (table["part"] == "ear").to_numpy()
    left, right = (ear & (table["encounter"] == name).to_numpy() for name in ("a0 left", "a1 right"))
    nearest = seen.best[seen.name.index("a0 left"), seen.name.index("a1 right"), 0]
    assert nearest == pytest.approx((units[left] @ units[right].T).max())
    assert np.isnan(seen.best[seen.name.index("a0 right"), :, 0]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vectors", "one.npz", "--table", "none.csv"], "no such table"),
        (["--vectors", "one.npz", "one.npz", *ASK], "held out by two of the files"),
        (["--vectors", "one.npz", *ASK[:-2], "--missing", "1"], "--missing 1"),
        (["--vectors", "one.npz", "--table", "parts.csv", "--asked", "side=up"], "no photo meets side=up"),
        (["--vectors", "one.npz", "--table", "bare.csv"], "nobody says what of the animal a photo shows"),
        (["--vectors", "one.npz", "--table", "mixed.csv"], "encounter x has photos of a0, a1"),
        ([], "give --vectors"),
    ],
)
def test_refusals(folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.read_csv("parts.csv")
    table.drop(columns="part").to_csv("bare.csv", index=False)
    table.assign(encounter=["x"] * 10 + table["encounter"].tolist()[10:]).to_csv("mixed.csv", index=False)
    assert main(["fuse", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_damaged_weights_are_named(folder: Path) -> None:
    Path("fusion.json").write_text('{"schema": 1, "parts": ["ear"]}')
    with pytest.raises(CatalogueError, match="damaged"):
        parts.read(Path("fusion.json"))
    with pytest.raises(CatalogueError, match="fits and writes it"):
        parts.read(Path("other.json"))


def test_many_photos_make_nobody_likelier(tmp_path: Path) -> None:
    """Animals that the catalogue has eight photos of are named by what they look like, and strangers are nobody's."""
    rng, shown, dims, model = np.random.default_rng(0), ("face", "ear"), 24, Model(weights_sha="m", dims=24)

    def photos(numbers: range, count: Callable[[int], int], key: int) -> tuple[pd.DataFrame, np.ndarray]:
        rows, vectors = [], []
        for animal in numbers:
            for k, part in enumerate(shown):
                centre = np.random.default_rng([animal, k]).normal(size=dims)
                for number in range(count(animal)):
                    rows.append((f"{key}_{animal}_{part}_{number}.jpg", f"a{animal:03d}", part, f"{key}_{animal}", "approved"))
                    vectors.append(centre + 1.1 * rng.normal(size=dims))
        table = pd.DataFrame(rows, columns=["photo", "animal", "part", "encounter", "status"], dtype="str")
        return table, np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)

    learn = [photos(range(80), lambda _: 1, key) for key in (0, 1)]
    both = Incoming(
        pd.concat([table for table, _ in learn], ignore_index=True),
        np.concatenate([one for _, one in learn]).astype(np.float32),
        model,
    )
    fitted, _ = parts.fit([HeldOut(both, "")], ["x"], missing=[0.0], draws=20)
    table, vectors = photos(range(100, 160), lambda animal: 1 + 7 * (animal % 2), 2)
    table = table.drop(columns="encounter")  # each photo is a sighting of its own
    build(tmp_path / "w", Incoming(table, vectors.astype(np.float32), model), CatalogueConfig())
    asked, of = photos(range(100, 220), lambda _: 1, 3)
    found, _ = fused_search.answers(read(tmp_path / "w"), Incoming(asked, of.astype(np.float32), model), fitted, 0.5, top=1)
    truth = [f"a{int(one.query.split('_')[1]):03d}" for one in found]
    nobody = np.array([one.nobody for one in found])
    assert nobody.mean() == pytest.approx(0.5, abs=0.12)  # by the nearest of eight photos: 0.04
    named = np.array([one.matches[0].probability > one.nobody for one in found])
    strange = np.array([int(one[1:]) >= 160 for one in truth])
    assert named[strange].mean() < 0.3
    eight = named & np.array([int(one.matches[0].animal[1:]) % 2 == 1 for one in found])
    assert eight[~strange].mean() == pytest.approx(0.5 * named[~strange].mean(), abs=0.12)
    right = np.array([one.matches[0].animal == true for one, true in zip(found, truth, strict=True)])
    assert right[named & ~strange].mean() > 0.8
