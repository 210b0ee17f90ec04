"""Same averaging at test time, tiny: the fits that it makes, and figures against the predictions themselves."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import test_averaging

import predict
import train
from whichwhale import predictions
from whichwhale.competition import folds
from whichwhale.predictions import ROLE_TRAIN, ROLE_VALIDATION

TINY = ["backbone={name: test_resnet, weights: false}", "view={width: 32, height: 32}", "fit={epochs: 2, batch_size: 8}"]


def here(name: str, arguments: list[str]) -> int:
    return {"train.py": train.main, "predict.py": predict.main}[name](list(arguments))


def test_fits_rows_and_table(heads: Path, capsys: pytest.CaptureFixture) -> None:
    truth = pd.DataFrame({"Image": ["w_24.jpg", "w_25.jpg"], "whaleID": ["a", "b"]})
    truth.to_csv(heads / "truth.csv", index=False)
    command = ["heads", str(heads / "tiny.yaml"), *TINY, "--folds", "2", "--repeat", "2", "--points", "given"]
    command += ["--truth", str(heads / "truth.csv")]
    assert test_averaging.main(command, run=here) == 0
    told = capsys.readouterr().out
    runs = heads / "runs"
    several, aside = runs / "heads_partitions", runs / "heads_calibration"
    fits = [{path.parent.name for path in home.glob("tiny/*/predictions.npz")} for home in (several, aside)]
    assert fits == [{"fold0", "fold1", "fold2", "fold3", "foldall"}, {"fold0", "fold1"}]

    # what each fit held out is what its partition says
    for file, first in (("folds.csv", 0), ("folds1.csv", 2)):
        dealt = folds.read(several / file).set_index("Image")["fold"]
        for k in range(2):
            table = predictions.read(several / "tiny" / f"fold{first + k}" / "predictions.npz")
            held_out = {item.removesuffix("#0") for item in table.item[table.role == ROLE_VALIDATION]}
            assert held_out == set(dealt.index[dealt == k]) and len(held_out) == 12
    one, other = (folds.read(several / file).set_index("Image")["fold"] for file in ("folds.csv", "folds1.csv"))
    assert (one != other).any()
    dealt = folds.read(aside / "folds.csv").set_index("Image")["fold"]
    kept = set(dealt.index[dealt == -2])
    assert 2 <= len(kept) <= 3
    for k in range(2):
        table = predictions.read(aside / "tiny" / f"fold{k}" / "predictions.npz")
        names = np.array([item.removesuffix("#0") for item in table.item])
        assert kept <= set(names[table.role == ROLE_VALIDATION]) and not kept & set(names[table.role == ROLE_TRAIN])

    written = json.loads((runs / "heads" / "test_averaging.json").read_text())["ways"]
    rows = {row["name"]: row for row in written["log_linear"]}
    assert [row["fits"] for row in rows.values()] == [2, 3, 3, 4, 4, 5, 2]
    assert [row["rows"] for row in rows.values()] == [24] * 6 + [len(kept)]
    ours = list(rows.values())
    assert ours[0]["rows_log_loss"] == ours[1]["rows_log_loss"] != ours[3]["rows_log_loss"] == ours[4]["rows_log_loss"]
    for row in ours:
        assert row["gain"][0] == pytest.approx(ours[0]["log_loss"] - row["log_loss"], abs=1e-9)
        assert row["best_log_loss"] <= row["log_loss"] + 1e-6 and f"{row['log_loss']:.3f}" in told
    capsys.readouterr()
    assert test_averaging.main([*command, "--table"], run=lambda *_: pytest.fail("something was fitted")) == 0
    assert capsys.readouterr().out == told[told.index("| fitted on") :]
    best = min(ours, key=lambda row: row["log_loss"])["name"]
    assert f"2 test photos. Least test log loss: {best}. Power nearest to 1: " in told
    assert (
        test_averaging.main([*command, "--table", "--choose", "equal"], run=lambda *_: pytest.fail("something was fitted")) == 0
    )
    written = json.loads((runs / "heads" / "test_averaging.json").read_text())["ways"]
    assert list(written) == ["log_linear", "equal"] and [row["name"] for row in written["equal"]] == list(rows)

    # rows of other fits, or of another truth, don't stand beside each other
    file = several / "tiny" / "fold0" / "predictions.npz"
    kept = file.read_bytes()
    predictions.write(file, dataclasses.replace(predictions.read(file), weights_sha="fitted anew"))
    table = [*command, "--table", "--choose"]
    assert test_averaging.main([*table, "mixture"], run=here) == 0
    assert list(json.loads((runs / "heads" / "test_averaging.json").read_text())["ways"]) == ["mixture"]
    file.write_bytes(kept)
    assert test_averaging.main([*table, "equal"], run=here) == 0
    shorter = [word for word in table if "=" not in word]  # what the fits were told need not be repeated
    assert test_averaging.main([*shorter, "arithmetic"], run=here) == 0
    found = json.loads((runs / "heads" / "test_averaging.json").read_text())
    assert list(found["ways"]) == ["equal", "arithmetic"] and found["changes"] == TINY and found["points"] == "given"
    truth.assign(whaleID=["b", "a"]).to_csv(heads / "truth.csv", index=False)
    assert test_averaging.main([*table, "equal"], run=here) == 0
    assert list(json.loads((runs / "heads" / "test_averaging.json").read_text())["ways"]) == ["equal"]
    truth.assign(Image=["y_1.jpg", "y_2.jpg"]).to_csv(heads / "truth.csv", index=False)
    assert test_averaging.main(command, run=lambda *_: pytest.fail("fitted before the truth was read")) == 2
    assert "names 0 of the data set's 2 test photos" in capsys.readouterr().err
    assert test_averaging.main([*command, "--choose", "forest"]) == 2
    assert test_averaging.main([*command, "--repeat", "1"]) == 2
