"""ensemble.py from files to files, on a made-up competition: scores, a valid submission, its provenance, its refusals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.ensemble.made_up import TEST, TRAIN, WHALES, without
from whichwhale import predictions
from whichwhale.blend import pool as pools
from whichwhale.files import sha256
from whichwhale.score import submission, top5

ROOT = Path(__file__).parents[2]


def test_from_files_to_a_valid_submission(place, ensemble, capsys):
    assert ensemble.main(["ensemble.yaml", "floor=1e-5"]) == 0
    out = capsys.readouterr().out
    path = Path("submissions/sea.csv.gz")
    submission.validate(path, "input/sea/sample_submission.csv")
    table = submission.read(path)
    assert (table.image, table.class_id) == (TEST, WHALES)
    assert table.p.min() >= 0.99e-5
    assert (table.p[:8].argmax(axis=1) == np.arange(8) % 6).all()
    prior = np.array([11, 11, 11, 10, 10, 10]) / 63
    np.testing.assert_allclose(table.p[8], (1 - 6e-5) * prior + 1e-5, rtol=1e-5)

    for line in (
        "Out-of-fold scores on 56 photos of sea",
        "Out-of-fold: 56 photos with a row of every member, on which the weights are fitted; 0 with rows of some members only;",
        "good: 1 labelled photos always train, 0 of them the only one of their whale, and have no out-of-fold row; 0 are in",
        "Test photos: 1 without any prediction get the class prior, 1 are predicted by some members only, with weights fitted "
        "for these.",
    ):
        assert line in out
    blend = pools.read("runs/sea/ensemble/blend.json")
    assert (blend.members, blend.rows, blend.floor) == (["good", "sharp"], 56, 1e-5)
    scores = {(one["name"], one["weights"].split(":")[0]): one for one in blend.scores["out_of_fold"]}
    assert len(scores) == 8
    for one in scores.values():
        assert f"{one['log_loss']:.4f}" in out
        assert one["low"] < one["log_loss"] < one["high"]
        assert one["rows"] == 56
    same = "fitted, scored on the same rows"
    assert scores["blend", same]["log_loss"] < min(scores[name, same]["log_loss"] for name in blend.members)
    assert scores["sharp", same]["log_loss"] < scores["sharp", "as predicted"]["log_loss"]

    text = Path("submissions/sea.txt").read_text()
    for part in (sha256(path), "python ensemble.py ensemble.yaml floor=1e-5", "  good  weight ", "    foldall  weights 1None",
                 sha256("runs/sea/sharp/fold2/predictions.npz")[:16], "cross-fitted"):  # fmt: skip
        assert part in text
    assert f"{scores['blend', 'cross-fitted']['log_loss']:.4f}" in text

    before = path.read_bytes()
    assert ensemble.main(["ensemble.yaml", "floor=1e-5"]) == 0
    assert path.read_bytes() == before, "the same runs give the same bytes"

    kept = json.loads(Path("submissions/sea.json").read_text())
    assert kept["sha256"] == sha256(path) and kept["config"]["floor"] == 1e-5 and kept["pool"]["weights"] == blend.weights
    assert [fit["predictions_sha"] for fit in kept["members"][1]["fits"]][2] == sha256("runs/sea/sharp/fold2/predictions.npz")
    assert kept["scores"]["out_of_fold"] == blend.scores["out_of_fold"]


def test_photos_without_a_prediction_count_with_the_prior(place, ensemble, capsys):
    """w_1 and w_2 are in no file, w_3 in one member's; folds.csv says that folds 1, 2 and 0 left them out."""
    without("good", ["w_1.jpg", "w_2.jpg", "w_3.jpg"])
    without("sharp", ["w_1.jpg", "w_2.jpg"])
    assert ensemble.main(["ensemble.yaml"]) == 0
    told = capsys.readouterr().out
    assert "Without runs/sea/folds.csv photos that no member has a row for are not counted." in told
    assert "54 photos of sea" in told
    folds = "".join(f"{image},{-1 if n == 0 else n % 3},closed\n" for n, image in enumerate(TRAIN))
    Path("runs/sea/folds.csv").write_text("Image,fold,kind\n" + folds)
    assert ensemble.main(["ensemble.yaml"]) == 0
    told = capsys.readouterr().out
    for line in (
        "Out-of-fold scores on 56 photos of sea",
        "Out-of-fold: 53 photos with a row of every member, on which the weights are fitted; 1 with rows of some members only; 2 "
        "without any, counted with the class prior",
        "sharp: 1 labelled photos always train, 0 of them the only one of their whale, and have no out-of-fold row; 2 are in no",
    ):
        assert line in told
    blend = pools.read("runs/sea/ensemble/blend.json")
    assert blend.rows == 53 and {one["rows"] for one in blend.scores["out_of_fold"]} == {56}
    assert [one["prior"] for one in blend.scores["out_of_fold"] if one["name"] == "good"] == [3, 3, 3]
    own = predictions.read("runs/sea/ensemble/predictions.npz")
    row = own.item.tolist().index("w_1.jpg#0")
    # w_1 .. w_56 without those of fold 1 (w_1, w_4, ...), and w_0: each whale's photos among them, plus one
    counts = np.array([sum(n % 6 == whale and (n == 0 or n % 3 != 1) for n in range(57)) + 1 for whale in range(6)])
    np.testing.assert_allclose(np.exp(own.logits[row]), (1 - 6e-6) * counts / counts.sum() + 1e-6, rtol=1e-4)


def test_the_submission_is_what_the_formulas_say(place, ensemble):
    """softmax(sum w z) from the files themselves, without blend's own assembling."""
    assert ensemble.main(["ensemble.yaml", "test=folds", "output=out/plain.csv"]) == 0
    blend = pools.read("runs/sea/ensemble/blend.json")
    total = np.zeros((7, 6))
    for name, weight in zip(blend.members, blend.weights, strict=True):
        for fold in range(3):
            file = predictions.read(f"runs/sea/{name}/fold{fold}/predictions.npz")
            rows = [file.item.tolist().index(f"{image}#0") for image in TEST[:7]]
            logits = file.logits[rows][:, np.argsort(file.class_id)].astype(float)
            total += weight / 3 * (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
    p = np.exp(total) / np.exp(total).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(submission.read("out/plain.csv").p[:7], p * (1 - 6e-6) + 1e-6, rtol=1e-4)
    assert Path("out/plain.txt").exists()


def test_the_blend_is_one_more_model(place, ensemble):
    assert ensemble.main(["ensemble.yaml", "name=both"]) == 0
    own = predictions.read("runs/sea/both/predictions.npz")
    assert (own.role == predictions.ROLE_VALIDATION).sum() == 56
    p = np.exp(own.logits[own.role == predictions.ROLE_TEST].astype(float))
    written = submission.read("submissions/sea.csv.gz").p
    np.testing.assert_allclose(p, written, rtol=1e-5)
    truth = [WHALES.index(TRAIN[item.removesuffix("#0")]) for item in own.item[:56].tolist()]
    cross = [one for one in json.loads(Path("runs/sea/both/blend.json").read_text())["scores"]["out_of_fold"]
             if one["name"] == "blend" and one["weights"].startswith("cross")]  # fmt: skip
    assert -own.logits[np.arange(56), truth].mean() == pytest.approx(cross[0]["log_loss"], abs=1e-6)


def test_a_single_member_and_a_single_fold(place, ensemble, capsys):
    for fold in (1, 2):
        Path(f"runs/sea/good/fold{fold}/predictions.npz").unlink()
        Path(f"runs/sea/good/fold{fold}").rmdir()
    assert ensemble.main(["ensemble.yaml", "members=[good]"]) == 0
    assert "cross-fitted" not in capsys.readouterr().out
    own = predictions.read("runs/sea/ensemble/predictions.npz")
    assert set(own.role) == {predictions.ROLE_TEST}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["members=[good,nobody]"], "runs/sea/nobody: no such folder; fit the model first"),
        (["memebers=[good]"], "did you mean 'members'"),
        (["data.root=lake"], "train.csv"),
        (["floor=0.2"], "floor=0.2: must be at least 1e-06 and below 1/6"),
    ],
)
def test_refusals_are_one_message_and_write_nothing(place, ensemble, capsys, overrides, message):
    assert ensemble.main(["ensemble.yaml", *overrides]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not Path("submissions").exists()


def test_a_damaged_member_is_named(place, ensemble, capsys):
    path = Path("runs/sea/sharp/fold1/predictions.npz")
    path.write_bytes(path.read_bytes()[:300])
    assert ensemble.main(["ensemble.yaml"]) == 2
    assert "runs/sea/sharp/fold1/predictions.npz: not a readable predictions.npz" in capsys.readouterr().err


def test_help_shows_an_example(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, ROOT / "ensemble.py", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "python ensemble.py configs/right_whale_heads/ensemble.yaml" in done.stdout


def test_lists_of_five(place, ensemble):
    assert ensemble.main(["ensemble.yaml", "format=top5", "new_whale=0.5"]) == 0
    table = top5.read("submissions/sea_top5.csv.gz", WHALES)
    assert table.image == TEST and all(len(set(guesses)) == 5 for guesses in table.guesses)
    assert ensemble.main(["ensemble.yaml"]) == 0
    p = submission.read("submissions/sea.csv.gz").p
    for row, guesses in zip(p, table.guesses, strict=True):
        assert guesses.index("new_whale") == (row >= 0.5).sum()
        assert [guess for guess in guesses if guess != "new_whale"] == [WHALES[column] for column in np.argsort(-row)[:4]]
    assert "has new_whale before guesses below 0.5." in Path("submissions/sea_top5.txt").read_text()
    assert ensemble.main(["reproduce=submissions/sea_top5.csv.gz"]) == 0
