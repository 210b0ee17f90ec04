"""A submission made again from its runs, byte for byte, or what stands in the way."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.ensemble.made_up import TEST, WHALES, with_embedding
from whichwhale import predictions
from whichwhale.blend import pool as pools
from whichwhale.blend import reproduce as reproducing
from whichwhale.blend.blended import blend as blend_of
from whichwhale.blend.config import EnsembleConfig
from whichwhale.files import sha256
from whichwhale.score import submission


def test_a_submission_is_made_again_from_its_runs(place, ensemble, capsys):
    with_embedding("good")
    assert ensemble.main(["ensemble.yaml", "members=[good,good_neighbours,sharp]", "output=out/s.csv.gz"]) == 0
    path, before = Path("out/s.csv.gz"), Path("out/s.csv.gz").read_bytes()
    kept = {file: file.read_bytes() for file in Path("runs/sea/ensemble").iterdir()}
    capsys.readouterr()
    assert ensemble.main(["reproduce=out/s.csv.gz"]) == 0
    assert capsys.readouterr().out == "s.csv.gz: made again from 3 members, weights fitted anew: byte for byte\n"
    shutil.rmtree("runs/sea/good_neighbours")
    path.unlink()
    assert ensemble.main(["reproduce=out/s.csv.gz"]) == 0
    out = capsys.readouterr().out
    assert "neighbours made anew: good_neighbours" in out and "out/s.csv.gz: was gone, written" in out
    assert path.read_bytes() == before
    assert {file: file.read_bytes() for file in Path("runs/sea/ensemble").iterdir()} == kept, "the blend's folder is left alone"


def test_neighbours_of_another_scale_are_no_obstacle(place, ensemble, capsys):
    """Another blend made the neighbours anew with its own scale: the submission's are made beside, and the folder stays."""
    with_embedding("good")
    command = ["ensemble.yaml", "members=[good,good_neighbours,sharp]"]
    assert ensemble.main([*command, "neighbours_scale=7"]) == 0
    assert ensemble.main([*command, "name=other", "neighbours_scale=fit", "output=other.csv.gz"]) == 0
    kept = {file: file.read_bytes() for file in Path("runs/sea/good_neighbours").rglob("*.*")}
    capsys.readouterr()
    for path, scale in (("submissions/sea.csv.gz", 7), ("other.csv.gz", None)):
        assert ensemble.main([f"reproduce={path}"]) == 0
        out = capsys.readouterr().out
        aside = f"good_neighbours: now other neighbours, left alone; made anew aside, of scale {scale}\n"
        assert (aside in out) == (scale is not None) and "weights fitted anew: byte for byte" in out
    assert {file: file.read_bytes() for file in Path("runs/sea/good_neighbours").rglob("*.*")} == kept
    with_embedding("sharp")
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 2
    error = capsys.readouterr().err
    assert "member sharp, fold0: differs" in error and "good_neighbours" not in error
    table = predictions.read("runs/sea/good/fold0/predictions.npz")
    predictions.write("runs/sea/good/fold0/predictions.npz", dataclasses.replace(table, averaging="another fit"))
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 2
    error = capsys.readouterr().err
    assert "member good_neighbours, fold0: differs" in error and "the model of good_neighbours, fold0: differs" in error


@pytest.fixture
def same_code(monkeypatch):
    """The code that makes a submission again is that which made it, and clean."""
    monkeypatch.setattr(reproducing.Checkout, "of", classmethod(lambda cls, folder: cls("c" * 40, [], "")))


def test_numbers_of_a_way_that_other_arithmetic_fits_are_taken_from_the_record(same_code, place, ensemble, capsys):
    assert ensemble.main(["ensemble.yaml", "choose=log_linear+prior", "output=s.csv"]) == 0
    kept = json.loads(Path("s.json").read_text())
    kept["pool"]["chosen"]["steps"][0]["exponent"] += 5e-4  # as if fitted elsewhere
    blended = blend_of(config := EnsembleConfig.model_validate(kept["config"]), config.competition())
    recorded = dataclasses.replace(blended.pool, chosen=kept["pool"]["chosen"])
    submission.write("s.csv", TEST, WHALES, blended.answers(recorded))
    text = hashlib.sha256(submission.content("s.csv")).hexdigest()
    Path("s.json").write_text(json.dumps(kept | {"sha256": sha256("s.csv"), "content_sha256": text}))
    capsys.readouterr()
    assert ensemble.main(["reproduce=s.csv"]) == 0
    out = capsys.readouterr().out
    assert "with the recorded weights: byte for byte" in out
    assert "fitted anew they are off by 0.0005 at most: another processor" in out


def test_weights_that_other_code_fits_are_taken_from_the_record(same_code, place, ensemble, capsys):
    assert ensemble.main(["ensemble.yaml"]) == 0
    record = Path("submissions/sea.json")
    kept = json.loads(record.read_text())
    kept["pool"]["weights"] = [weight * 1.5 for weight in kept["pool"]["weights"]]  # as if fitted elsewhere
    blend = dataclasses.replace(pools.read("runs/sea/ensemble/blend.json"), weights=kept["pool"]["weights"])
    config = EnsembleConfig.model_validate(kept["config"])
    blended = blend_of(config, config.competition())
    submission.write("submissions/sea.csv.gz", TEST, WHALES, blended.answers(blend))
    text = hashlib.sha256(submission.content("submissions/sea.csv.gz")).hexdigest()
    kept |= {"sha256": sha256("submissions/sea.csv.gz"), "content_sha256": text, "commit": "d" * 40, "modified": []}
    record.write_text(json.dumps(kept))
    capsys.readouterr()
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 0
    out = capsys.readouterr().out
    assert "with the recorded weights: byte for byte" in out and "fitted anew they are off by" in out
    assert f"another code (recorded commit {'d' * 40}, this is {'c' * 40} (clean))" in out
    record.write_text(json.dumps(kept | {"commit": "c" * 40}))
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 2  # the same code doesn't come to such weights
    assert "other bytes came of them" in capsys.readouterr().err


def test_a_fit_that_was_added_and_a_wrong_name_are_told(place, ensemble, capsys):
    assert ensemble.main(["ensemble.yaml"]) == 0
    Path("submissions/sea").write_bytes(b"")
    for wrong in ("submissions/sea", "submissions/sea.csv"):
        assert ensemble.main([f"reproduce={wrong}"]) == 2
        assert "its record is of sea.csv.gz; say submissions/sea.csv.gz" in capsys.readouterr().err
    assert not Path("submissions/sea.csv").exists()
    assert ensemble.main(["reproduce="]) == 2
    assert "names no submission" in capsys.readouterr().err
    last = max(int(path.name[4:]) for path in Path("runs/sea/good").glob("fold[0-9]*"))
    shutil.copytree("runs/sea/good/fold0", f"runs/sea/good/fold{last + 1}")
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 2
    assert f"member good, fold{last + 1}: was not there then, and would count" in capsys.readouterr().err
    shutil.rmtree("runs/sea/sharp")
    shutil.rmtree("input/sea")
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 2
    error = capsys.readouterr().err
    assert "the data set:" in error and "member sharp: gone" in error


def test_what_stands_in_the_way_is_named(place, ensemble, capsys):
    with_embedding("good")
    assert ensemble.main(["ensemble.yaml", "members=[good,good_neighbours,sharp]"]) == 0

    def told(*arguments: str) -> str:
        assert ensemble.main(["reproduce=submissions/sea.csv.gz", *arguments]) == 2
        return capsys.readouterr().err

    assert "give reproduce= alone" in told("floor=1e-5")
    shutil.rmtree("runs/sea/sharp/fold1")
    Path("runs/sea/folds.csv").write_text("Image,fold,kind\n")
    with_embedding("sharp")
    message = told()
    assert "member sharp, fold1: gone (runs/sea/sharp/fold1/predictions.npz)" in message
    assert "member sharp, fold0: differs (runs/sea/sharp/fold0/predictions.npz; fingerprint" in message
    assert "folds.csv: there now, but was not then" in message and "member good" not in message
    shutil.rmtree("runs/sea/good_neighbours")
    shutil.rmtree("runs/sea/good")
    assert "the model of good_neighbours: gone (runs/sea/good)" in told()
    with open("input/sea/train.csv", "a") as file:
        file.write("w_57.jpg,whale_00\n")
    assert "training table: differs (input/sea; fingerprint" in told()
    Path("submissions/sea.csv.gz").write_bytes(b"changed")
    assert "is not the file that its record tells of" in told()
    record = Path("submissions/sea.json")
    record.write_text(record.read_text().replace('"l2": 0.001', '"l2": 0.001, "bold": true', 1))
    Path("submissions/sea.csv.gz").unlink()
    assert "this code doesn't know its config" in told()
    Path("submissions/sea.json").unlink()
    assert "nothing says what sea.csv.gz was made of" in told()


def test_other_bytes_from_the_same_parts_are_told(place, ensemble, capsys):
    assert ensemble.main(["ensemble.yaml"]) == 0
    record = Path("submissions/sea.json")
    kept = json.loads(record.read_text())
    Path("submissions/sea.csv.gz").unlink()
    record.write_text(json.dumps(kept | {"sha256": "0" * 64, "content_sha256": "0" * 64, "commit": "f" * 40}))
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 2
    message = capsys.readouterr().err
    assert "every part is there and the same, but other bytes came of them" in message
    assert f"another code (recorded commit {'f' * 40}" in message
    assert not Path("submissions/sea.csv.gz").exists()
    record.write_text(json.dumps(kept | {"sha256": "0" * 64}))
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 0
    assert "the same text, packed by another zlib" in capsys.readouterr().out
