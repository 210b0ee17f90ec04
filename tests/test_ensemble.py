"""ensemble.py from files to files, on a made-up competition: scores, a valid submission, its provenance, its refusals."""

import dataclasses
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from whichwhale import predictions
from whichwhale.blend import pool as pools
from whichwhale.blend.blended import blend as blend_of
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.parts import partition
from whichwhale.blend.scores import CROSS_FITTED, OTHER_PARTS, SAME_ROWS
from whichwhale.files import sha256
from whichwhale.score import submission, top5

ROOT = Path(__file__).parents[1]
WHALES = [f"whale_{i:02}" for i in range(6)]
TRAIN = {f"w_{i}.jpg": WHALES[i % 6] for i in range(57)}  # whales 0 to 2 have 10 photos, 3 to 5 have 9
TEST = [f"x_{i}.jpg" for i in range(9)]


@pytest.fixture(scope="module")
def ensemble():
    spec = importlib.util.spec_from_file_location("ensemble", ROOT / "ensemble.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def model(folder: Path, seed: int, sharp: float, test: list[str]) -> None:
    """Three folds and foldall of a model that half knows the whales; w_0.jpg always trains. Test photo x_i is whale i % 6."""
    rng = np.random.default_rng(seed)
    for fold in (0, 1, 2, None):
        images = [*TRAIN, *test]
        whale = [WHALES.index(TRAIN[image]) if image in TRAIN else TEST.index(image) % 6 for image in images]
        out = [image in TRAIN and i > 0 and fold is not None and i % 3 == fold for i, image in enumerate(images)]
        role = [predictions.ROLE_TEST if image not in TRAIN else int(left) for image, left in zip(images, out, strict=True)]
        logits = (np.eye(6)[whale] * 1.7 + rng.normal(size=(len(images), 6))) * sharp
        order = rng.permutation(6)  # each file in an order of its own
        table = predictions.Predictions.of(
            [f"{image}#0" for image in images], role, np.array(WHALES)[order], logits[:, order], weights_sha=f"{seed}{fold}"
        )
        predictions.write(folder / f"fold{'all' if fold is None else fold}" / "predictions.npz", table)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with input/, runs/ and a config, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHICHWHALE_INPUT", "input")
    monkeypatch.setenv("WHICHWHALE_RUNS", "runs")
    Path("input/sea").mkdir(parents=True)
    Path("input/sea/train.csv").write_text("Image,whaleID\n" + "".join(f"{image},{whale}\n" for image, whale in TRAIN.items()))
    sample = ",".join(["Image", *WHALES]) + "\n" + "".join(",".join([image, *["0.1667"] * 6]) + "\n" for image in TEST)
    Path("input/sea/sample_submission.csv").write_text(sample)
    model(Path("runs/sea/good"), 1, 1.0, TEST[:8])  # nobody predicts x_8.jpg
    model(Path("runs/sea/sharp"), 2, 5.0, TEST[:7])
    Path("ensemble.yaml").write_text("dataset: sea\nmembers: [good, sharp]\n")
    return tmp_path


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
        "Test photos: 1 without any prediction get the class prior, 1 are predicted by some members only.",
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


def without(model: str, images: list[str]) -> None:
    """Take photos out of all files of a model, as if no head had been found in them."""
    for path in Path(f"runs/sea/{model}").glob("fold*/predictions.npz"):
        table = predictions.read(path)
        left = ~np.isin(table.item, [f"{image}#0" for image in images])
        less = predictions.Predictions.of(
            table.item[left].tolist(), table.role[left], table.class_id, table.logits[left], weights_sha="less"
        )
        predictions.write(path, less)


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


def test_a_test_power_sharpens_test_rows_alone(place, ensemble):
    outputs = {}
    for power in (1.0, 2.0):
        assert ensemble.main(["ensemble.yaml", f"test_power={power}", f"output=power{power:g}.csv"]) == 0
        scores = json.loads(Path("runs/sea/ensemble/blend.json").read_text())["scores"]
        outputs[power] = submission.read(Path(f"power{power:g}.csv")).p, scores
    (plain, scores), (sharp, same) = outputs[1.0], outputs[2.0]
    assert scores == same
    rows = slice(0, 8)
    squared = plain[rows] ** 2 / (plain[rows] ** 2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(sharp[rows], squared, atol=2e-5)  # but for the floor and the six digits
    np.testing.assert_allclose(sharp[8], plain[8])  # the class prior
    assert "to the power 2." in Path("power2.txt").read_text()


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


def with_embedding(model: str) -> None:
    """Give a model's files embeddings of unit length, its logits' directions, so that it has neighbours."""
    for path in Path(f"runs/sea/{model}").glob("fold*/predictions.npz"):
        t = predictions.read(path)
        unit = t.logits / np.linalg.norm(t.logits, axis=1, keepdims=True)
        predictions.write(path, predictions.Predictions.of(t.item, t.role, t.class_id, t.logits, unit, weights_sha="e"))


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


def test_another_way_to_blend(place, ensemble, capsys):
    """auto tries the ladder and says so; what is chosen answers, is a member's file, is stored, and is made again."""
    assert ensemble.main(["ensemble.yaml", "output=plain.csv"]) == 0
    plain = json.loads(Path("runs/sea/ensemble/blend.json").read_text())
    assert "chosen" not in plain and "choice" not in plain["scores"]
    capsys.readouterr()
    assert ensemble.main(["ensemble.yaml", "choose=auto", "name=auto", "output=auto.csv.gz"]) == 0
    out = capsys.readouterr().out
    assert "Blended by" in out and "chosen among 12 ways; without each of 5 parts" in out and "left out: " in out
    told = json.loads(Path("runs/sea/auto/blend.json").read_text())
    choice = told["scores"]["choice"]
    assert [trial["name"] for trial in choice["trials"]][:2] == ["equal", "log_linear"] and choice["asked"] == "auto"
    assert told["weights"] == plain["weights"]
    assert {one["name"] for one in told["scores"]["out_of_fold"]} == {"good", "sharp", "log_linear", "blend"}
    assert ensemble.main(["reproduce=auto.csv.gz"]) == 0
    assert "byte for byte" in capsys.readouterr().out

    assert ensemble.main(["ensemble.yaml", "choose=trees", "name=trees", "output=trees.csv.gz"]) == 0
    out = capsys.readouterr().out
    assert "Blended by trees, as asked for; cross-fitted over 5 parts of the photos.\n  boosted trees on the pool's" in out
    assert "Calibration of the blend, cross-fitted: first guesses claim" in out and "on 56 photos still shows" in out
    assert "answered by trees in the place of these weights" in Path("trees.txt").read_text()
    stored = pools.read("runs/sea/trees/blend.json")
    assert stored.chosen["name"] == "trees" and stored.chosen["pool"]["text"].startswith("tree\n")
    own = predictions.read("runs/sea/trees/predictions.npz")
    scores = {one["weights"].split(":")[0]: one for one in stored.scores["out_of_fold"] if one["name"] == "blend"}
    truth = [WHALES.index(TRAIN[item.removesuffix("#0")]) for item in own.item[:56].tolist()]
    assert -own.logits[np.arange(56), truth].mean() == pytest.approx(scores["cross-fitted"]["log_loss"], abs=1e-6)
    p = np.exp(own.logits[own.role == predictions.ROLE_TEST].astype(float))
    np.testing.assert_allclose(p, submission.read("trees.csv.gz").p, atol=2e-6)
    np.testing.assert_allclose(p[8], submission.read("plain.csv").p[8], atol=2e-6)  # nobody predicts x_8: the class prior
    assert ensemble.main(["reproduce=trees.csv.gz"]) == 0
    assert "byte for byte" in capsys.readouterr().out
    assert ensemble.main(["ensemble.yaml", "choose=forest"]) == 2
    assert "there is no pool 'forest'" in capsys.readouterr().err


def test_a_chosen_way_stands_beside_a_pool_that_learned_from_as_many_photos(place, ensemble, capsys):
    """The blend's line says that it is of parts, not of folds; the pool has one of the same parts, here from pool.fit itself."""
    for choose in ("log_linear+prior", "auto"):
        assert ensemble.main(["ensemble.yaml", f"choose={choose}"]) == 0
        out, told = capsys.readouterr().out, json.loads(Path("runs/sea/ensemble/blend.json").read_text())
        lines = [(one["name"], one["weights"]) for one in told["scores"]["out_of_fold"][-5:]]
        assert lines == [
            ("log_linear", SAME_ROWS),
            ("log_linear", CROSS_FITTED),
            ("log_linear", OTHER_PARTS),
            ("blend", SAME_ROWS),
            ("blend", OTHER_PARTS),
        ]
        assert OTHER_PARTS == "cross-fitted: from 4 of 5 parts of the photos" and f"blend       {OTHER_PARTS}" in out
        config = EnsembleConfig.model_validate({"dataset": "sea", "members": ["good", "sharp"], "choose": choose})
        found = blend_of(config, config.competition())
        part, rows, losses = partition(found.rows.images, 0), np.arange(56), np.empty(56)
        for k in range(5):
            here = part == k
            p = pools.fit(found.rows.z[:, ~here], found.truth[~here], config.members).probabilities(found.rows.z[:, here])
            losses[here] = -np.log(p[rows[: here.sum()], found.truth[here]])
        by_parts, by_folds = (one["log_loss"] for one in (told["scores"]["out_of_fold"][-3], told["scores"]["out_of_fold"][-4]))
        assert by_parts == pytest.approx(losses.mean(), abs=1e-4) and abs(by_parts - by_folds) > 1e-3
        assert -np.log(found.pool_honest[rows, found.truth]).mean() == pytest.approx(by_parts, abs=1e-9)


@pytest.mark.parametrize("choose", ["winners", "mixture+prior+floor", "log_linear+vector", "log_linear+isotonic", "logit"])
def test_every_way_answers_test_rows_at_its_power_and_is_made_again(place, ensemble, capsys, choose):
    """A test power sharpens what the way answers, whichever it is; the record has its numbers, and they give the bytes again."""
    rows = {}
    for power in (1.0, 2.0):
        command = ["ensemble.yaml", f"choose={choose}", f"test_power={power}", f"output=s{power:g}.csv"]
        assert ensemble.main(command) == 0
        rows[power] = submission.read(f"s{power:g}.csv").p
    squared = rows[1.0][:8] ** 2 / (rows[1.0][:8] ** 2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rows[2.0][:8], squared, atol=2e-5)
    capsys.readouterr()
    assert ensemble.main(["reproduce=s2.csv"]) == 0
    assert "weights fitted anew: byte for byte" in capsys.readouterr().out
    kept = json.loads(Path("s2.json").read_text())
    assert kept["pool"]["chosen"]["name"] == kept["config"]["choose"] == choose and kept["scores"]["choice"]["told"]
    assert {"lightgbm", "scikit-learn"} < set(kept["versions"])


def test_numbers_of_a_way_that_other_arithmetic_fits_are_taken_from_the_record(place, ensemble, capsys):
    assert ensemble.main(["ensemble.yaml", "choose=log_linear+prior", "output=s.csv"]) == 0
    kept = json.loads(Path("s.json").read_text())
    kept["pool"]["chosen"]["steps"][0]["exponent"] += 0.5  # as if fitted elsewhere
    blended = blend_of(config := EnsembleConfig.model_validate(kept["config"]), config.competition())
    recorded = dataclasses.replace(blended.pool, chosen=kept["pool"]["chosen"])
    submission.write("s.csv", TEST, WHALES, blended.answers(recorded))
    text = hashlib.sha256(submission.content("s.csv")).hexdigest()
    Path("s.json").write_text(json.dumps(kept | {"sha256": sha256("s.csv"), "content_sha256": text}))
    capsys.readouterr()
    assert ensemble.main(["reproduce=s.csv"]) == 0
    out = capsys.readouterr().out
    assert "with the recorded weights: byte for byte" in out and "fitted anew they are off by 0.5 at most" in out


def test_weights_on_photos_set_aside(place, ensemble, capsys):
    """w_6, w_7, ... w_11 are in no fold's training: their rows are means over the fold models, and nothing else is fitted on."""
    aside = {f"w_{n}.jpg" for n in range(6, 24)}
    for path in Path("runs/sea").glob("*/fold[0-2]/predictions.npz"):
        t = predictions.read(path)
        role = np.where(np.isin(t.item, [f"{image}#0" for image in aside]), predictions.ROLE_VALIDATION, t.role)
        predictions.write(path, dataclasses.replace(t, role=role.astype(np.uint8)))
    fold = {image: -2 if image in aside else -1 if n == 0 else n % 3 for n, image in enumerate(TRAIN)}
    Path("runs/sea/folds.csv").write_text("Image,fold,kind\n" + "".join(f"{image},{k},closed\n" for image, k in fold.items()))
    assert ensemble.main(["ensemble.yaml", "fit_on=calibration", "test=folds", "output=c.csv"]) == 0
    out = capsys.readouterr().out
    assert "Out-of-fold scores on 18 photos" in out and "These are the photos that no fold model saw" in out
    assert "cross-fitted" in out and pools.read("runs/sea/ensemble/blend.json").rows == 18
    assert ensemble.main(["ensemble.yaml", "test=folds", "output=o.csv"]) == 0
    assert "Out-of-fold scores on 38 photos" in capsys.readouterr().out


def test_weights_that_other_arithmetic_fits_are_taken_from_the_record(place, ensemble, capsys):
    assert ensemble.main(["ensemble.yaml"]) == 0
    record = Path("submissions/sea.json")
    kept = json.loads(record.read_text())
    kept["pool"]["weights"] = [weight * 1.5 for weight in kept["pool"]["weights"]]  # as if fitted elsewhere
    blend = dataclasses.replace(pools.read("runs/sea/ensemble/blend.json"), weights=kept["pool"]["weights"])
    config = EnsembleConfig.model_validate(kept["config"])
    blended = blend_of(config, config.competition())
    submission.write("submissions/sea.csv.gz", TEST, WHALES, blended.answers(blend))
    text = hashlib.sha256(submission.content("submissions/sea.csv.gz")).hexdigest()
    kept |= {"sha256": sha256("submissions/sea.csv.gz"), "content_sha256": text}
    record.write_text(json.dumps(kept))
    capsys.readouterr()
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 0
    out = capsys.readouterr().out
    assert "with the recorded weights: byte for byte" in out and "fitted anew they are off by" in out


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
    assert f"code: recorded commit {'f' * 40}" in message
    assert not Path("submissions/sea.csv.gz").exists()
    record.write_text(json.dumps(kept | {"sha256": "0" * 64}))
    assert ensemble.main(["reproduce=submissions/sea.csv.gz"]) == 0
    assert "the same text, packed by another zlib" in capsys.readouterr().out
