"""The command line, from photos on disk and an (unfitted) network to answers, and with vectors alone."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

import whichwhale
from tests.catalogue.made_up import some_photos
from whichwhale import predictions
from whichwhale.catalogue.__main__ import main
from whichwhale.catalogue.gallery import read
from whichwhale.catalogue.incoming import of_file
from whichwhale.config import to_yaml
from whichwhale.identifier import LoadError
from whichwhale.identify import fitted
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier
from whichwhale.predictions import Predictions
from whichwhale.runs import RunFolder, trained_on
from whichwhale.score import top5

SETTINGS = {
    "passports": {"view": {"width": 32, "height": 32}},
    "view": {"width": 32, "height": 32},
    "backbone": {"name": "test_resnet", "weights": False},
    "head": {"kind": "arcface", "dims": 8},
    "fit": {"precision": "no"},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of one fit, of random weights."""
    torch.manual_seed(0)
    config = IdentifyConfig.model_validate(SETTINGS)
    run = RunFolder.start(tmp_path_factory.mktemp("runs") / "heads" / "net" / "foldall", config, {"tables": {}})
    fitted.write(run, Identifier(config, 3, 0), ["a", "b", "c"])
    run.set_status("fitted")
    assert (run.path / "config.yaml").read_text() == to_yaml(config)
    return run.path


def draw(path: Path, animal: int, seed: int) -> None:
    """A crop with the animal's own coarse pattern."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pattern = np.random.default_rng(animal).integers(0, 255, (4, 4, 3)).astype(np.float64)
    noise = np.random.default_rng(1000 + seed).normal(0, 4, (32, 32, 3))
    picture = cv2.resize(pattern, (32, 32), interpolation=cv2.INTER_NEAREST) + noise
    cv2.imwrite(str(path), picture.clip(0, 255).astype(np.uint8))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """photos/<animal>/<k>.png of 6 animals; the working directory is beside it."""
    monkeypatch.chdir(tmp_path)
    for animal in range(6):
        for k in range(2):
            draw(Path("photos") / f"w{animal}" / f"{k}.png", animal, 10 * animal + k)
    return tmp_path / "photos"


def test_from_photos_to_answers(photos: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "w0" / "notes.jpg").write_text("not a picture")
    (photos / "w1" / "2.png").write_bytes((photos / "w1" / "0.png").read_bytes())
    assert main(["build", "whales", "photos", "--model", str(model)]) == 1
    shown = capsys.readouterr()
    assert "left out: photos/w0/notes.jpg: not an image" in shown.err
    assert "w1/2.png is w1/0.png again (w1) and is left out" in shown.out
    assert "whales: 12 photos of 6 animals" in shown.out and "no probabilities: only 12 queries" in shown.out
    assert read("whales").manifest.model.weights_sha == whichwhale.load(model).embedder().weights_sha

    draw(Path("query.png"), 4, 99)
    assert (
        main(["search", "whales", "query.png", "--model", str(model), "--top", "2", "--evidence", "seen", "--json", "a.json"])
        == 0
    )
    shown = capsys.readouterr().out
    assert "query.png  (6 animals searched)\n" in shown and shown.index("w4  nearest w4/") > 0
    (one,) = json.loads(Path("a.json").read_text())["answers"]
    assert one["matches"][0]["animal"] == "w4" and one["matches"][0]["probability"] is None and len(one["matches"]) == 2
    assert cv2.imread("seen/query.png").shape[2] == 3

    draw(Path("new.png"), 77, 1)
    assert main(["add", "whales", "new.png", "--model", str(model), "--animal", "w77"]) == 0
    assert "added 1: now 13 photos of 7 animals" in capsys.readouterr().out
    draw(Path("again.png"), 77, 2)
    assert main(["search", "whales", "again.png", "query.png", "--model", str(model), "--top5", "five.csv"]) == 0
    guesses = top5.read("five.csv").guesses
    assert guesses[0][0] == "w77" and guesses[1][0] == "w4"
    assert main(["search", "whales", "again.png", "new.png", "--encounter", "--model", str(model)]) == 0
    assert "encounter  (2 photos, 7 animals searched)" in capsys.readouterr().out


@pytest.mark.parametrize(("learned", "doubt"), [(10, ""), (60, "The model had learned from 100% of the calibration's photos")])
def test_what_the_model_learned_from_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path, learned: int, doubt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A catalogue of photos, of which trained_on.csv beside the weights names some (50 are left to ask) or all."""
    monkeypatch.chdir(tmp_path)
    fit = tmp_path / "runs" / "heads" / "net" / "foldall"
    shutil.copytree(model, fit)
    names = [(f"w{animal}/{k}.png", f"w{animal}") for k in range(3) for animal in range(20)]
    for number, (name, animal) in enumerate(names):
        draw(Path("photos") / name, int(animal[1:]), number)
    trained_on.write(fit, set(names[:learned]))
    settings = ["calibration.encounters=[1]", "calibration.candidates=5", "pool.scale=16"]
    assert main(["build", "whales", "photos", "--model", str(fit), *settings]) == 0
    shown = capsys.readouterr().out
    assert "bands for 5.0% wrong names in auto and 5.0% known animals in new" in shown
    assert "probabilities fitted on" in shown and ("too sure" in shown) == bool(doubt) and doubt in shown
    gallery = read("whales")
    assert dict(zip(gallery.table["photo"], gallery.table["learned"], strict=True)) == {
        name: "yes" if number < learned else "no" for number, (name, _) in enumerate(names)
    }
    assert gallery.manifest.calibration.learned == bool(doubt)
    assert main(["search", "whales", "photos/w3/1.png", "--model", str(fit), "--json", "a.json"]) == 0
    shown, told = capsys.readouterr().out, json.loads(Path("a.json").read_text())
    assert ("too sure" in shown) == bool(doubt) and doubt in shown
    limits = told["bands"]
    assert limits["errors"] == [0.05, 0.05] and told["answers"][0]["band"] in ("auto", "review", "new")
    assert f"(20 animals searched): {told['answers'][0]['band']}" in shown
    assert told["learned"] == bool(doubt) and (told["doubt"] or "").startswith(doubt) and bool(told["doubt"]) == bool(doubt)


def test_embeddings_are_those_of_predictions(photos: Path, model: Path) -> None:
    embedder = whichwhale.load(model).embedder()
    paths = [photos / "w0" / "0.png", photos / "gone.png", photos / "w3" / "1.png"]
    found = embedder.embed(paths)
    assert found.rows == [0, 2] and list(found.failed) == [1] and "the file is missing" in found.failed[1]
    assert found.vectors.shape == (2, 8) and found.vectors.dtype == np.float32
    np.testing.assert_allclose(embedder.embed(paths[2:]).vectors[0], found.vectors[1], atol=1e-5)
    seen, maps = embedder.look(paths[0])
    np.testing.assert_array_equal(seen, cv2.imread(str(paths[0]))[..., ::-1])
    plain = embedder.net.backbone.pool(torch.from_numpy(maps)[None]).flatten(1)
    expected = embedder.net.backbone(torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))[None])
    torch.testing.assert_close(plain, expected)
    with pytest.raises(ValueError, match="the file is missing"):
        embedder.look(photos / "gone.png")


def test_one_network_only(photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = tmp_path / "runs" / "heads" / "net"
    both.mkdir(parents=True)
    for fold in ("fold0", "foldall"):
        (both / fold).symlink_to(model)
    with pytest.raises(LoadError, match=r"2 networks .*can't be compared; give the folder of one fit, such as .*foldall"):
        whichwhale.load(both).embedder()
    assert main(["build", "whales", "photos", "--model", str(both)]) == 2
    assert "can't be compared" in capsys.readouterr().err and not Path("whales").exists()


def test_nothing_readable_writes_nothing(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, whales = tmp_path / "photos", tmp_path / "whales"
    folder.mkdir()
    assert main(["build", str(whales), str(folder), "--model", str(model)]) == 2
    assert "no photo in this folder (it is empty)" in capsys.readouterr().err
    (folder / "a.jpg").write_text("no")
    assert main(["build", str(whales), str(folder), "--model", str(model)]) == 2
    assert "none of the photos can be used" in capsys.readouterr().err
    assert not whales.exists()


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
    assert "too sure" not in shown and read("whales").manifest.calibration.learned == 0


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


@pytest.mark.parametrize("command", ["build", "add", "remove", "search", "merge", "split", "list", "calibrate"])
def test_each_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"python -m whichwhale.catalogue {command} whales" in capsys.readouterr().out


def test_photos_of_ones_own_are_measured_and_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`embed` makes the file that the commands of vectors take."""
    monkeypatch.chdir(tmp_path)
    fit = tmp_path / "runs" / "heads" / "net" / "foldall"
    shutil.copytree(model, fit)
    names = [(f"w{animal}/{k}.ppm", f"w{animal}") for k in range(3) for animal in range(14)]
    for number, (name, animal) in enumerate(names):
        draw(Path("photos") / name, int(animal[1:]), number)
    (Path("photos") / "w1" / "8.png").write_text("not a picture")
    trained_on.write(fit, set(names[:1]))
    pd.DataFrame(names, columns=["photo", "animal"]).assign(place="Fundy").to_csv("photos.csv", index=False)
    embed = ["embed", "photos", "--model", str(fit), "--table", "photos.csv", "--out"]
    assert main([*embed, "vectors.npz"]) == 1
    shown = capsys.readouterr()
    assert "vectors.npz: 42 photos' vectors of 8 dimensions written" in shown.out and "photos/w1/8.png" in shown.err
    found = of_file("vectors.npz")
    learned = dict(zip(found.table["photo"], found.table["learned"], strict=True))
    assert learned["w0/0.ppm"] == "yes" and set(learned.values()) == {"yes", "no"} and set(found.table["place"]) == {"Fundy"}
    assert found.model.weights_sha == whichwhale.load(fit).embedder().weights_sha
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-5)

    quick = ["--vectors", "vectors.npz", "--draws", "5"]
    assert main(["verify", *quick]) == 0
    assert "39 photos of 13 animals" in capsys.readouterr().out  # without the animal that was learned from
    assert main(["novelty", *quick]) == 0
    assert main(["one-shot", *quick, "--ways", "3", "--shots", "1", "--episodes", "3"]) == 0
    (tmp_path / "photos" / "w1" / "8.png").unlink()
    assert main(["build", "whales", "photos", "--model", str(fit), "calibration.cohort=10"]) == 0
    capsys.readouterr()
    assert main(["calibrate", "whales", "--queries", "vectors.npz"]) == 0
    assert "1 photos left out: the model learned from them" in capsys.readouterr().out
    assert main([*embed, "vectors.txt"]) == 2
    assert "vectors go into an .npz" in capsys.readouterr().err


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
    assert json.loads(Path("whales/catalogue.json").read_text())["schema"] == 2
