"""The command line from photos on disk and an (unfitted) network to answers."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

import whichwhale
from whichwhale.catalogue.__main__ import main
from whichwhale.catalogue.gallery import read
from whichwhale.catalogue.incoming import of_file
from whichwhale.config import to_yaml
from whichwhale.embedder import Embedder
from whichwhale.identifier import LoadError
from whichwhale.identify import fitted
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier
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


def of_one_fit(tmp_path: Path, model: Path, animals: int, suffix: str = "png") -> tuple[Path, list[tuple[str, str]]]:
    """Run folder, [(photo, animal)]: a copy of the fit among runs, and photos/w<animal>/<k> of so many animals, three each."""
    fit = tmp_path / "runs" / "heads" / "net" / "foldall"
    shutil.copytree(model, fit)
    names = [(f"w{animal}/{k}.{suffix}", f"w{animal}") for k in range(3) for animal in range(animals)]
    for number, (name, animal) in enumerate(names):
        draw(Path("photos") / name, int(animal[1:]), number)
    return fit, names


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

    # from another folder its photo is still found, whatever lies there under the same name; and never another in its place
    Path("elsewhere/photos/w4").mkdir(parents=True)
    for k in range(2):
        draw(Path("elsewhere/photos/w4") / f"{k}.png", 5, k)
    os.chdir("elsewhere")
    asked = ["search", "../whales", "../query.png", "--model", str(model), "--top", "1", "--evidence"]
    assert main([*asked, "seen"]) == 0
    assert Path("seen/query.png").read_bytes() == Path("../seen/query.png").read_bytes()
    shutil.move("../photos/w4", "../moved")
    assert main([*asked, "again", "--photos", "photos"]) == 1
    assert "is another picture than w4/" in capsys.readouterr().err and not Path("again/query.png").exists()
    shutil.move("../moved", "../photos/w4")
    os.chdir("..")

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
    fit, names = of_one_fit(tmp_path, model, 20)
    trained_on.write(fit, set(names[:learned]))
    settings = ["calibration.encounters=[1]", "calibration.candidates=5", "pool.scale=16"]
    assert main(["build", "whales", "photos", "--model", str(fit), *settings]) == 0
    shown = capsys.readouterr().out
    assert "bands for 5.0% wrong names in auto and 5.0% known animals in new" in shown
    assert "probabilities fitted on" in shown and ("The model had learned" in shown) == bool(doubt) and doubt in shown
    gallery = read("whales")
    assert dict(zip(gallery.table["photo"], gallery.table["learned"], strict=True)) == {
        name: "yes" if number < learned else "no" for number, (name, _) in enumerate(names)
    }
    assert gallery.manifest.calibration.learned == bool(doubt)
    assert main(["search", "whales", "photos/w3/1.png", "--model", str(fit), "--json", "a.json"]) == 0
    shown, told = capsys.readouterr().out, json.loads(Path("a.json").read_text())
    assert ("The model had learned" in shown) == bool(doubt) and doubt in shown
    limits = told["bands"]
    assert limits["errors"] == [0.05, 0.05] and told["answers"][0]["band"] in ("auto", "review", "new")
    assert f"(20 animals searched): {told['answers'][0]['band']}" in shown
    assert told["learned"] == bool(doubt) and told["doubt"].startswith(doubt) and "of one meeting is not known" in told["doubt"]


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


def test_photos_of_ones_own_are_measured_and_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`embed` makes the file that the commands of vectors take."""
    monkeypatch.chdir(tmp_path)
    fit, names = of_one_fit(tmp_path, model, 14, "ppm")
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


def test_what_contradicts_is_refused_before_anything_is_embedded(
    photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "whales", "photos", "--model", str(model)]) == 0
    other = tmp_path / "runs" / "heads" / "net" / "fold1"
    torch.manual_seed(1)
    config = IdentifyConfig.model_validate(SETTINGS)
    run = RunFolder.start(other, config, {"tables": {}})
    fitted.write(run, Identifier(config, 3, 0), ["a", "b", "c"])
    run.set_status("fitted")
    shutil.copy("photos/w1/0.png", "copy.png")
    Path("table.csv").write_text("photo,animal\nnobody.png,w1\n")
    capsys.readouterr()

    def embedded(*_: object) -> None:
        raise AssertionError("photos were embedded for nothing")

    embed = Embedder.embed
    monkeypatch.setattr("whichwhale.identifier.Embedder.embed", embedded)
    add = ["add", "whales", "--model", str(model)]
    assert main([*add, "photos", "--animal", "w1"]) == 2  # those of w0 as well
    assert (
        "w0/0.png: is there as w0, here as w1; if that is right, `split w0 --photos w0/0.png --to w1`" in capsys.readouterr().err
    )
    assert main([*add, "copy.png", "--animal", "w2"]) == 2
    assert "copy.png (w2) is the same picture as w1/0.png (w1); leave one out" in capsys.readouterr().err
    assert main([*add, "copy.png", "--table", "table.csv"]) == 2
    assert "table.csv: has a row for none of the 1 photos" in capsys.readouterr().err
    # a picture that was kept under two names and animals is not refused when it comes again, and what can't be read is no matter
    monkeypatch.setattr("whichwhale.identifier.Embedder.embed", embed)
    assert main([*add, "copy.png", "--animal", "w2", "--keep-doubles"]) == 0
    capsys.readouterr()
    assert main([*add, "copy.png", "--animal", "w2"]) == 0 and "1 photos are in the catalogue already" in capsys.readouterr().out
    monkeypatch.setattr("whichwhale.identifier.Embedder.embed", embedded)
    for command in (["add", "whales"], ["search", "whales"]):
        assert main([*command, "copy.png", "--model", str(other)]) == 2
        assert "vectors of two models say nothing of one another" in capsys.readouterr().err


def test_a_later_card_is_named_by_the_table_with_its_folder(
    photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every photo of it is called as another one of the catalogue."""
    for card, animal in (("one", 0), ("two", 3)):
        draw(Path(card) / "IMG_1.png", animal, animal)
    assert main(["build", "whales", "one", "--model", str(model), "--animal", "w0"]) == 0
    Path("t.csv").write_text("photo,animal\nIMG_1.png,w0\n")
    add = ["add", "whales", "two/IMG_1.png", "--model", str(model), "--table", "t.csv"]
    assert main(add) == 2  # whose row that is can't be told
    Path("t.csv").write_text("photo,animal\nIMG_1.png,w0\ntwo/IMG_1.png,w3\n")
    assert main(add) == 0 and main(add) == 0
    assert read("whales").table[["photo", "animal"]].to_numpy().tolist() == [["IMG_1.png", "w0"], ["two/IMG_1.png", "w3"]]
    Path("t.csv").write_text("photo,animal\nseals/IMG_1.png,w3\n")
    capsys.readouterr()
    assert main(add) == 2 and "has a row for none of the 1 photos" in capsys.readouterr().err
