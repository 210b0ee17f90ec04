"""The command line with vectors alone, from files to answers."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.catalogue.made_up import some_photos
from whichwhale import predictions
from whichwhale.catalogue.__main__ import main
from whichwhale.catalogue.config import CatalogueConfig
from whichwhale.catalogue.editing import build
from whichwhale.catalogue.gallery import read
from whichwhale.predictions import Predictions
from whichwhale.score import top5


@pytest.fixture
def vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """known.npz: 40 animals with 4 photos; new.npz: another photo of each, and 10 strangers; labels.csv."""
    monkeypatch.chdir(tmp_path)
    known, new = some_photos(40, 4), some_photos(50, 1, seed=8)
    np.savez("known.npz", vectors=known.vectors, photo=known.table["photo"].to_numpy(str), model="m")
    np.savez("new.npz", vectors=new.vectors, photo=("new_" + new.table["photo"]).to_numpy(str), model="m")
    known.table.assign(side=["left", "right"] * 80).to_csv("labels.csv", index=False)
    return tmp_path


def test_vectors_alone(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["build", "whales", "--vectors", "known.npz", "--table", "labels.csv", "calibration.queries=100", "pool.scale=16"])
        == 0
    )
    shown = capsys.readouterr().out
    assert "whales: 160 photos of 40 animals" in shown and "probabilities fitted on" in shown and "if it had, the pr" in shown
    search = ["search", "whales", "--vectors", "new.npz", "--new-rate", "0.2"]
    assert main([*search, "--json", "a.json", "--top5", "five.csv.gz"]) == 0
    found = json.loads(Path("a.json").read_text())
    assert found["learned"] is None and "is not known; if it had, the probabilities are too sure" in found["doubt"]
    assert found["doubt"] in capsys.readouterr().out
    assert found["new_rate"] == 0.2 and found["animals"] == 40 and found["model"] == "m" and len(found["answers"]) == 50
    for one in found["answers"]:
        assert sum(match["probability"] for match in one["matches"]) + one["nobody"] + one["others"] == pytest.approx(1)
    five = top5.read("five.csv.gz")
    right = [guesses[0] == (f"a{n}" if n < 40 else "new_whale") for n, guesses in enumerate(five.guesses)]
    assert np.mean(right) > 0.9
    assert main([*search, "--where", "side=left", "--json", "b.json"]) == 0
    assert json.loads(Path("b.json").read_text())["photos"] == 80
    capsys.readouterr()
    assert main(["list", "whales", "--where", "side=left", "--animals", "--csv", "left.csv"]) == 0
    shown = capsys.readouterr().out
    assert "80 photos of 40 animals" in shown and "column side: left 80" in shown and "a17  2\n" in shown
    assert len(pd.read_csv("left.csv")) == 80
    assert main(["calibrate", "whales", "--queries", "new.npz"]) == 2
    assert "nobody says whom these photos show" in capsys.readouterr().err
    for command, told in (
        (["merge", "whales", "a0", "a1", "--into", "a0"], "a0 now has 8 photos"),
        (["split", "whales", "a0", "--photos", "p1_0.jpg", "--to", "a1"], "a0 now has 7 photos, a1 1"),
        (["remove", "whales", "--photos", "p2_0.jpg", "--animals", "a3"], "removed 5 photos"),
    ):
        assert main(command) == 0
        assert told in capsys.readouterr().out
    assert len(read("whales")) == 155


def test_encounters_of_a_table_are_asked_together(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each like one search of its photos with --encounter; photos of no encounter each alone."""
    assert main(["build", "whales", "--vectors", "known.npz", "--table", "labels.csv", "pool.scale=16"]) == 0
    some = some_photos(3, 3, seed=5)
    name = np.char.add("new_", some.table["photo"].to_numpy(str))
    np.savez("met.npz", vectors=some.vectors, photo=name, model="m")
    met = ["noon", "dawn", "noon", "dusk", "", "dusk", "noon", "", ""]  # the last row is not in the table
    pd.DataFrame({"Image": name[:8], "encounter": met[:8], "place": "x"}).to_csv("met.csv", index=False)
    capsys.readouterr()
    search = ["search", "whales", "--vectors", "met.npz", "--new-rate", "0.2"]
    assert main([*search, "--table", "met.csv", "--json", "a.json", "--top5", "five.csv"]) == 0
    shown = capsys.readouterr().out
    assert "3 photos are of no encounter in met.csv and are asked alone: new_p1_1.jpg, new_p2_1.jpg, new_p2_2.jpg" in shown
    assert "noon  (3 photos, 40 animals searched)" in shown
    answers = {one["query"]: one for one in json.loads(Path("a.json").read_text())["answers"]}
    assert list(answers) == ["noon", "dawn", "dusk", name[4], name[7], name[8]]
    assert answers["noon"]["photos"] == [name[0], name[2], name[6]] and answers[name[8]]["photos"] == [name[8]]
    five = top5.read("five.csv")
    assert sorted(five.image) == sorted(name)
    assert dict(zip(five.image, five.guesses, strict=True))[name[6]] == answers["noon"]["guesses"]
    np.savez("dusk.npz", vectors=some.vectors[[3, 5]], photo=name[[3, 5]], model="m")
    assert main(["search", "whales", "--vectors", "dusk.npz", "--new-rate", "0.2", "--encounter", "--json", "b.json"]) == 0
    (alone,) = json.loads(Path("b.json").read_text())["answers"]
    assert [one["animal"] for one in alone["matches"]] == [one["animal"] for one in answers["dusk"]["matches"]]
    assert alone["nobody"] == pytest.approx(answers["dusk"]["nobody"])  # others asked beside them change the last digits
    assert main([*search, "--table", "labels.csv"]) == 2
    assert "labels.csv: has no column encounter" in capsys.readouterr().err


def test_encounters_that_the_vectors_file_names(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "whales", "--vectors", "known.npz", "--table", "labels.csv", "pool.scale=16"]) == 0
    some = some_photos(2, 2, seed=5)
    names = np.array(["k.jpg", "l.jpg", "m.jpg", "n.jpg"])
    np.savez("met.npz", vectors=some.vectors, photo=names, model="m", encounter=np.array(["noon", "", "noon", "dawn"]))
    search = ["search", "whales", "--vectors", "met.npz", "--json", "a.json"]
    for options, asked in (([], 4), (["--encounters"], 3), (["--encounter"], 1)):
        capsys.readouterr()
        assert main([*search, *options]) == 0
        assert len(json.loads(Path("a.json").read_text())["answers"]) == asked
        assert ("--encounters asks the photos of one together" in capsys.readouterr().out) == (not options)
    assert main(["search", "whales", "--vectors", "new.npz", "--encounters"]) == 2
    assert "new.npz: names no encounters; --table says" in capsys.readouterr().err


def test_five_guesses_that_cannot_be_written_are_refused_before_any_photo_is_read(
    vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "whales", "--vectors", "known.npz", "--table", "labels.csv", "pool.scale=16"]) == 0
    search = ["search", "whales", "--vectors", "not_there.npz", "--top5", "five.csv"]
    assert main([*search, "--where", "side=nobody's"]) == 2
    capsys.readouterr()
    assert main(["set", "whales", "some=y", "--animals", "a1", "a2"]) == 0
    assert main([*search, "--where", "some=y"]) == 2
    assert "the format wants 5 guesses, and 2 animals are searched" in capsys.readouterr().err
    assert main(["merge", "whales", "a1", "--into", "Zo\u00eb the 2nd"]) == 0
    assert main(search) == 2
    assert "'Zo\u00eb the 2nd' can't stand in this format, which parts names by blanks (1 such" in capsys.readouterr().err
    assert main(["merge", "whales", "Zoe\u0308 the 2nd", "--into", "Zo\u00eb"]) == 0  # in its other form
    assert main(search) == 2
    assert "not_there.npz: no such file" in capsys.readouterr().err
    assert main(["set", "whales", "place=a\rb", "--animals", "a2"]) == 2
    assert "place 'a\\rb' has a carriage return" in capsys.readouterr().err


def test_what_is_known_is_set(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "whales", "--vectors", "known.npz", "--table", "labels.csv", "pool.scale=16"]) == 0
    capsys.readouterr()
    assert main(["set", "whales", "status=unchecked", "place=a=b", "--where", "side=left", "--animals", "a1", "a2"]) == 0
    assert capsys.readouterr().out == "4 photos changed; new columns: place\n"
    assert main(["search", "whales", "--vectors", "new.npz", "--where", "status=approved", "--json", "a.json"]) == 0
    assert json.loads(Path("a.json").read_text())["photos"] == 156
    read("whales").table[["photo", "animal"]].assign(place="c").to_csv("places.csv", index=False)
    assert main(["set", "whales", "--table", "places.csv"]) == 0
    assert set(read("whales").table["place"]) == {"c"}
    for wrong, message in (
        (["status=x"], "say of which photos"),
        (["status", "--animals", "a1"], "'status': what is known is column=value"),
        (["x=y", "--table", "places.csv"], "leave COLUMN=VALUE and the other options out"),
    ):
        assert main(["set", "whales", *wrong]) == 2
        assert message in capsys.readouterr().err


def test_queries_that_the_model_learned_from_are_told(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A predictions.npz as queries: its training rows are passed over, and a file of nothing else is refused before anything."""
    new = some_photos(40, 2, seed=8)
    new.table.assign(photo="new_" + new.table["photo"]).to_csv("truth.csv", index=False)
    items = ("new_" + new.table["photo"] + "#0").tolist()
    for name, roles in (("some.npz", [0, 1] * 40), ("all.npz", [0] * 80)):
        predictions.write(Path(name), Predictions.of(items, roles, ["x"], None, new.vectors, weights_sha="m"))
    build = ["build", "whales", "--vectors", "known.npz", "--table", "labels.csv", "calibration.cohort=32", "pool.scale=16"]
    assert main([*build, "--queries", "all.npz", "--query-table", "truth.csv"]) == 2
    assert "all.npz: the model learned from every one of these 80 photos" in capsys.readouterr().err
    assert not Path("whales").exists()
    assert main([*build, "--queries", "some.npz", "--query-table", "truth.csv"]) == 0
    shown = capsys.readouterr().out
    assert (
        "queries: 40 photos left out: the model learned from them (new_p0_0.jpg, new_p1_0.jpg, " in shown
        and "probabilities fitted on 40 queries" in shown
    )
    fitted = read("whales").manifest.calibration
    assert "The model had learned" not in shown and fitted.learned == 0
    assert "Which photos are of one meeting is not known" in shown and fitted.meetings is False
    known = read("whales").table
    known[["photo"]].assign(encounter=known["photo"]).to_csv("met.csv", index=False)
    assert main(["set", "whales", "--table", "met.csv"]) == 0 and main(["calibrate", "whales"]) == 0
    assert "one meeting" not in capsys.readouterr().out and read("whales").manifest.calibration.meetings is True


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["search", "nowhere", "--vectors", "new.npz"], "nowhere: no catalogue here"),
        (["build", "whales", "a.jpg"], "photos need a --model"),
        (["build", "whales"], "name photos and a --model that embeds them, or --vectors"),
        (["build", "whales", "a.jpg", "--vectors", "new.npz"], "not both"),
        (["build", "whales", "--vectors", "new.npz"], "of none of the 50 photos the animal is known; give --table"),
        (["build", "whales", "--vectors", "new.npz", "pool.kinds=max"], "did you mean 'pool.kind'"),
        (["add", "whales", "--vectors", "new.npz", "--animal", "x"], "no catalogue here"),
        (["remove", "whales"], "say what to remove"),
    ],
)
def test_refusals(vectors: Path, command: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert message in capsys.readouterr().err
    assert not Path("whales").exists()


def test_another_models_queries_are_refused(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "whales", "--vectors", "known.npz", "--table", "labels.csv", "calibration.queries=100"]) == 0
    with np.load("new.npz") as file:
        np.savez("other.npz", **(dict(file) | {"model": "another"}))
    assert main(["search", "whales", "--vectors", "other.npz"]) == 2
    assert "vectors are of model another" in capsys.readouterr().err
    assert main(["add", "whales", "--vectors", "other.npz", "--animal", "x"]) == 2
    assert len(read("whales")) == 160


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """few.npz: 2 animals with 4 photos, too few for probabilities; more.npz: 4 photos of a third one; few.csv: the 8."""
    monkeypatch.chdir(tmp_path)
    known, more = some_photos(2, 4), some_photos(1, 4, first=2)
    for name, photos in (("few", known), ("more", more)):
        np.savez(f"{name}.npz", vectors=photos.vectors, photo=photos.table["photo"].to_numpy(str), model="m")
    known.table.to_csv("few.csv", index=False)
    return tmp_path


def test_photos_and_rows_that_do_not_meet_are_named(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = pd.read_csv("few.csv", dtype=str)
    labels.iloc[2:].to_csv("fewer.csv", index=False)
    labels.assign(photo=["p0_O.jpg", *labels["photo"][1:]]).to_csv("mistyped.csv", index=False)
    assert main(["build", "whales", "--vectors", "few.npz", "--table", "fewer.csv"]) == 1
    shown = capsys.readouterr()
    assert shown.err == "left out: 2 photos of which nobody says which animal they show: p0_0.jpg, p0_1.jpg\n"
    assert "6 photos of 2 animals" in shown.out
    assert main(["add", "whales", "--vectors", "few.npz", "--table", "mistyped.csv"]) == 1
    shown = capsys.readouterr()
    assert "mistyped.csv: 1 rows are of photos that are not here: p0_O.jpg" in shown.err
    assert "1 photos of which nobody says which animal they show: p0_0.jpg" in shown.err
    assert "added 1: now 7" in shown.out


def test_a_table_of_the_whole_catalogue_is_no_mistake(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is a run whose test photos no table of training photos has."""
    new = some_photos(1, 4, first=2).table
    pd.concat([pd.read_csv("few.csv", dtype=str), new]).to_csv("all.csv", index=False)
    assert main(["build", "whales", "--vectors", "few.npz", "--table", "all.csv"]) == 0
    told = "left out: all.csv: 4 rows are of photos that are not here: p2_0.jpg, p2_1.jpg, p2_2.jpg, p2_3.jpg\n"
    assert capsys.readouterr().err == told
    assert main(["add", "whales", "--vectors", "more.npz", "--table", "all.csv"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "" and "added 4: now 12" in shown.out
    items, embedding = [*(pd.read_csv("few.csv")["photo"] + "#0"), "test.jpg#0"], some_photos(3, 4).vectors[:9]
    predictions.write(Path("predictions.npz"), Predictions.of(items, [0] * 8 + [2], ["x"], None, embedding, weights_sha="m"))
    assert main(["build", "run", "--vectors", "predictions.npz", "--table", "few.csv"]) == 0
    assert capsys.readouterr().err == "left out: 1 photos of which nobody says which animal they show: test.jpg\n"


def test_an_outgrown_catalogue_says_what_to_run(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["calibration.encounters=[1]", "calibration.cohort=16", "pool.scale=16"]
    known, search = some_photos(40, 4), ["search", "whales", "--vectors", "new.npz", "--json", "a.json"]
    for name, rows in (("third", slice(0, 48)), ("rest", slice(48, None))):
        photo, animal = known.table["photo"][rows].to_numpy(str), known.table["animal"][rows].to_numpy(str)
        np.savez(f"{name}.npz", vectors=known.vectors[rows], photo=photo, animal=animal, model="m")
    assert main(["build", "whales", "--vectors", "third.npz", *settings]) == 0
    assert main(search) == 0
    assert "`calibrate` fits them anew" not in capsys.readouterr().out
    assert main(["add", "whales", "--vectors", "rest.npz"]) == 0
    for command in (search, ["list", "whales"]):
        assert main(command) == 0
        told = "fitted with 48 photos of 12 animals, now there are 160 of 40: `calibrate` fits them anew."
        assert told in capsys.readouterr().out
    assert main(["calibrate", "whales"]) == 0
    capsys.readouterr()
    assert main(search) == 0
    assert "fits them anew" not in capsys.readouterr().out


def test_vectors_that_name_no_model(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They build no catalogue and go into none; one of old that names none says so each time."""
    for name in ("few", "more"):
        with np.load(f"{name}.npz") as file:
            np.savez(f"{name}_unnamed.npz", **{key: file[key] for key in ("vectors", "photo")})
    build = ["build", "whales", "--table", "few.csv", "--vectors"]
    assert main([*build, "few_unnamed.npz"]) == 2
    assert "nobody says which model made the vectors" in capsys.readouterr().err and not Path("whales").exists()
    assert main([*build, "few.npz"]) == 0
    add = ["add", "whales", "--animal", "x", "--vectors", "more_unnamed.npz"]
    search = ["search", "whales", "--vectors", "more_unnamed.npz"]
    for command in (add, search, ["calibrate", "whales", "--queries", "few_unnamed.npz", "--query-table", "few.csv"]):
        assert main(command) == 2
        assert "nobody says which model made the vectors, the catalogue's are of m (16" in capsys.readouterr().err
    manifest = json.loads(Path("whales/catalogue.json").read_text())
    manifest["model"]["weights_sha"] = "unnamed"
    Path("whales/catalogue.json").write_text(json.dumps(manifest))
    for command in (search, add):
        assert main(command) == 0
        assert "whether it was one is not known" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["build", "add", "remove", "search", "merge", "split", "set", "list", "calibrate"])
def test_each_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"python -m whichwhale.catalogue {command} whales" in capsys.readouterr().out


def test_bands_of_stated_errors_and_catalogues_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    photos, new = some_photos(40, 4), some_photos(40, 1, seed=1)
    for name, some in (("known", photos), ("new", new)):
        np.savez(f"{name}.npz", vectors=some.vectors, photo=np.char.add(name, some.table["photo"].to_numpy(str)), model="m")
    photos.table.assign(photo="known" + photos.table["photo"]).to_csv("labels.csv", index=False)
    build = ["build", "whales", "--vectors", "known.npz", "--table", "labels.csv", "pool.scale=16", "calibration.encounters=[1]"]
    assert main([*build, "--errors", "0", "0.1"]) == 2
    assert "0 of the band auto is no share" in capsys.readouterr().err and not Path("whales").exists()
    assert main([*build, "--errors", "0.02", "0.1"]) == 0
    assert "bands for 2.0% wrong names in auto and 10.0% known animals in new" in capsys.readouterr().out
    assert main(["calibrate", "whales"]) == 0  # as it was told before
    assert "bands for 2.0% wrong names" in capsys.readouterr().out
    before = Path("whales/catalogue.json").read_text()
    few = ["--queries", "few.npz", "--query-table", "few.csv"]
    np.savez("few.npz", vectors=new.vectors[:2], photo=["x", "y"], model="m")
    Path("few.csv").write_text("photo,animal\nx,a0\ny,a1\n")
    assert main(["calibrate", "whales", *few]) == 2  # nothing is lost by an attempt
    assert "no other probabilities, those that are there stay: only" in capsys.readouterr().err
    assert Path("whales/catalogue.json").read_text() == before

    ask = ["search", "whales", "--vectors", "new.npz", "--json", "a.json", "--new-rate", "0.1"]
    assert main(ask) == 0
    told = json.loads(Path("a.json").read_text())
    limit = told["bands"]["auto"]
    tops = [(one["matches"][0]["probability"], one["nobody"], one["band"]) for one in told["answers"]]
    assert told["bands"]["errors"] == [0.02, 0.1] and sum(band == "auto" for _, _, band in tops) > 10
    assert all((band == "auto") == (p >= nobody and p >= limit) for p, nobody, band in tops)

    # a catalogue that was calibrated by code that knew no bands
    manifest = json.loads(Path("whales/catalogue.json").read_text())
    del manifest["calibration"]["bands"]
    Path("whales/catalogue.json").write_text(json.dumps(manifest | {"schema": 1}))
    capsys.readouterr()
    assert main(ask) == 0
    assert "calibrated before there were any" in capsys.readouterr().out
    told = json.loads(Path("a.json").read_text())
    assert told["bands"] is None and {one["band"] for one in told["answers"]} == {None}
    assert main(["remove", "whales", "--photos", "knownp0_0.jpg"]) == 0
    assert json.loads(Path("whales/catalogue.json").read_text())["schema"] == 4


def test_a_folder_that_cannot_be_written_to_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build(tmp_path / "w", some_photos(4, 3), CatalogueConfig())
    monkeypatch.setattr(os, "access", lambda *_: False)
    for command in (["build", str(tmp_path / "new" / "w")], ["add", str(tmp_path / "w")], ["calibrate", str(tmp_path / "w")]):
        source = [] if command[0] == "calibrate" else ["nobody_reads_this.npz", "--model", "nor_this"]
        assert main([*command, *source]) == 2
        assert "can't be written to (permission denied), though a catalogue there can be searched" in capsys.readouterr().err
    monkeypatch.undo()

    def refused(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    assert main(["merge", str(tmp_path / "w"), "a0", "--into", "a1"]) == 2
    assert f"{tmp_path / 'w'}: can't be written to (Permission denied)" in capsys.readouterr().err


def test_columns_that_would_be_taken_for_others_are_not_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(tmp_path / "w", some_photos(4, 3), CatalogueConfig())
    for column in ("photo_sha", "animal", "was"):
        assert main(["set", str(tmp_path / "w"), f"{column}=3", "--animals", "a0"]) == 2
        assert f"the column '{column}' can't be set" in capsys.readouterr().err
