"""Ways to blend other than the pool: chosen or asked for, on photos set aside, sharpened for test rows."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.ensemble.made_up import TRAIN, WHALES
from whichwhale import predictions
from whichwhale.blend import pool as pools
from whichwhale.blend.assemble import assemble
from whichwhale.blend.blended import blend as blend_of
from whichwhale.blend.blended import evidence_of
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.parts import partition
from whichwhale.blend.rows import rows_out_of_fold
from whichwhale.blend.scores import CROSS_FITTED, OTHER_PARTS, SAME_ROWS
from whichwhale.score import submission


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


@pytest.mark.parametrize("way", ["log_linear", "log_linear+prior", "trees"])
def test_a_photo_that_one_member_predicts_has_the_answer_that_this_one_alone_would_give(place, ensemble, way):
    assert ensemble.main(["ensemble.yaml", f"choose={way}", "output=both.csv"]) == 0
    assert ensemble.main(["ensemble.yaml", f"choose={way}", "members=[good]", "name=alone", "output=alone.csv"]) == 0
    both, alone = submission.read("both.csv"), submission.read("alone.csv")
    row = both.image.index("x_7.jpg")  # of good alone; x_8.jpg has none
    np.testing.assert_allclose(both.p[row], alone.p[row], rtol=1e-5)
    assert np.abs(both.p[0] - alone.p[0]).max() > 1e-3
    (part,) = pools.read("runs/sea/ensemble/blend.json").partial
    assert part["members"] == ["good"] and ("chosen" in part) == (way != "log_linear")
    assert "partial" not in json.loads(Path("runs/sea/alone/blend.json").read_text())
    assert ensemble.main(["reproduce=both.csv"]) == 0


def test_what_ways_know_of_the_prior_tells_nothing_of_a_photo(place):
    config = EnsembleConfig(dataset="sea", members=["good", "sharp"])
    tables = config.competition()
    members = [assemble(config.runs / name, tables.class_id, list(TRAIN)) for name in config.members]
    known = evidence_of(config, tables, members, rows_out_of_fold(members, list(TRAIN), {}))
    np.testing.assert_allclose(known.prior, tables.prior()[None])  # one row for all: the other folds' counts would name the fold


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
