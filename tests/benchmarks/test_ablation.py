"""The ablation: its rows, its quick form through the real scripts, and what its figures are."""

import importlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import ablation
import ablation_rows
import ablation_table
import numpy as np
import pytest
from ablation_rows import BASE, ROWS

from whichwhale.config import load
from whichwhale.identify.config import IdentifyConfig
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions, write

WHALES = ["a", "b", "c"]


def in_process(log: Path, command: Sequence[str]) -> int:
    return importlib.import_module(Path(command[1]).stem).main(list(command[2:]))


def run(heads: Path, *arguments: str, run=in_process) -> int:
    return ablation.main(["--config", str(heads / "tiny.yaml"), "--quick", "--jobs", "1", "--seeds", "1", *arguments], run)


def test_every_row_is_a_config_that_differs_from_the_base_as_it_says() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    data = ablation.ROOT / "configs/right_whale_heads/lite0_160.yaml"
    options = ablation.Options(data, "ablation", 0, 15, 128, 2, False)
    configs = {row.name: load(IdentifyConfig, data, options.overrides(row, 0)) for row in ROWS}
    base = configs["base"].model_dump()
    for row in ROWS[1:]:
        changed = {key for key, value in configs[row.name].model_dump().items() if value != base[key]} - {"name"}
        assert changed == {re.split(r"[.=]", change)[0] for change in row.changes}, row.name
        assert not row.fit or changed <= {"views"}, row.name
    assert {row.against for row in ROWS} == {"base", "plain"}
    plain = configs["plain"].augment.model_dump()
    for row in ROWS:  # pieces of augmentation: each differs from none in one key, and a number that says how much
        if row.against == "plain":
            augment = configs[row.name].augment.model_dump()
            parts = [(augment, plain), (augment["geometry"], plain["geometry"])]
            pieces = [key for ours, theirs in parts for key in ours if ours[key] != theirs[key]]
            assert len([key for key in pieces if key not in ("geometry", "pca_spread")]) == 1, row.name
    quick = replace(options, quick=True)
    assert all(load(IdentifyConfig, data, quick.overrides(row, 0)) for row in ROWS)
    assert configs["base"].fit.epochs == 15 and configs["base"].view.width == 128
    assert [kick.epoch for kick in configs["base"].fit.kicks] == [10]
    assert load(IdentifyConfig, data, list(BASE))
    kinds = {name: config.head.kind for name, config in configs.items()}  # a row's keys are merged with the base's
    for kind in ("softmax", "subcentre", "siamese", "triplet-hard", "triplet-semihard", "triplet-soft", "triplet-neck"):
        assert kinds[kind] == kind.split("-")[0]


def test_rows_are_fitted_predicted_and_compared_with_the_base(heads: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(heads, "--only", "one-view", "no-auxiliary") == 0
    kept = json.loads((heads / "runs" / "ablation_quick" / "ablation.json").read_text())["rows"]
    assert [row["name"] for row in kept] == ["base", "no-auxiliary", "one-view"]
    base, other, one_view = kept
    assert base["difference"] is None and base["photos"] == 12
    for row in (other, one_view):
        gap = row["seeds"][0]["log_loss"] - base["seeds"][0]["log_loss"]
        assert row["difference"]["mean"] == pytest.approx(gap, abs=1e-12) == row["difference"]["by_seed"][0]
        assert row["difference"]["low"] <= gap <= row["difference"]["high"]
    runs = heads / "runs" / "ablation_quick"
    weights = [(runs / f"{name}-0" / "fold0" / "model.safetensors").read_bytes() for name in ("base", "one-view", "no-auxiliary")]
    assert weights[0] == weights[1] != weights[2]
    assert "| one view |" in capsys.readouterr().out

    def never(*_: object) -> int:
        raise AssertionError("everything was done")

    assert run(heads, "--only", "one-view", run=never) == 0
    assert run(heads, "--only", run=never) == 0
    assert capsys.readouterr().out.count("| base:") == 2
    frozen = runs / "no-auxiliary-0" / "fold0" / "config.yaml"
    frozen.write_text(frozen.read_text().replace("  epochs: 1\n", "  epochs: 2\n", 1))
    assert run(heads, "--only", run=never) == 2
    told = capsys.readouterr().err
    assert "no-auxiliary-0/fold0: was fitted with other settings (fit: {'epochs': 2" in told and "--epochs and --pixels" in told


def test_a_row_that_fails_is_named_with_its_log_and_the_others_go_on(heads: Path, capsys: pytest.CaptureFixture) -> None:
    def breaks(log: Path, command: Sequence[str]) -> int:
        if "name=gem-0" in command:
            log.parent.mkdir(exist_ok=True)
            log.write_text("began\nno memory\n")
            return 3
        return in_process(log, command)

    assert run(heads, "--only", "gem", "no-auxiliary", run=breaks) == 1
    told = capsys.readouterr().out
    assert re.search(r"gem-0: train.py ended with 3; .*gem-0.txt: no memory", told)
    assert "| no auxiliary target |" in told and "| GeM pooling |" not in told


def test_a_fit_that_the_alarm_stopped_is_a_result(heads: Path, capsys: pytest.CaptureFixture) -> None:
    asked = []

    def collapses(log: Path, command: Sequence[str]) -> int:
        asked.append(command)
        if "name=siamese-0" not in command:
            return in_process(log, command)
        folder = heads / "runs" / "ablation_quick" / "siamese-0" / "fold0"
        folder.mkdir(parents=True)
        (folder / "metrics.jsonl").write_text('{"epoch": 1, "loss": 1.0}\n{"epoch": 2, "loss": 1.0}\n')
        (folder / "status.json").write_text(json.dumps({"state": "failed", "error": "Collapsed: siamese-0 fold 0: ..."}))
        return 2

    assert run(heads, "--only", "siamese", run=collapses) == 0
    told = "| loss: contrastive pairs; 8 x 4, rate / 3 | stopped by the alarm in epoch 3 |"
    assert told in " ".join(capsys.readouterr().out.split())
    before = len(asked)
    assert run(heads, "--only", "siamese", run=collapses) == 0 and len(asked) == before


def test_what_it_cant_do_it_says(heads: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(heads, "--only", "gemm") == 2
    assert "no row is called 'gemm'; --rows lists them" in capsys.readouterr().err
    assert run(heads, "--seeds", "0") == 2
    assert "--seeds: must be 1 or more" in capsys.readouterr().err
    assert ablation.main(["--rows"]) == 0
    assert "mirrored=twin" in capsys.readouterr().out


def test_the_nearest_training_photo_answers(tmp_path: Path) -> None:
    """Two held-out photos: the one lies beside its own whale, the other beside another."""
    items = ["t_0.jpg#0", "t_1.jpg#0", "v_0.jpg#0", "v_1.jpg#0", "x.jpg#0"]
    roles = [ROLE_TRAIN, ROLE_TRAIN, ROLE_VALIDATION, ROLE_VALIDATION, ROLE_TEST]
    embedding = np.array([[1, 0], [0, 1], [0.8, 0.6], [0.6, 0.8], [0.6, 0.8]], np.float32)
    write(tmp_path / "p.npz", Predictions.of(items, roles, WHALES, np.zeros((5, 3), np.float32), embedding))
    truth = {"t_0.jpg": 0, "t_1.jpg": 1, "v_0.jpg": 0, "v_1.jpg": 0}
    assert ablation_table.nearest(tmp_path / "p.npz", truth) == 0.5
    write(tmp_path / "q.npz", Predictions.of(items, roles, WHALES, np.zeros((5, 3), np.float32)))
    assert np.isnan(ablation_table.nearest(tmp_path / "q.npz", truth))


def test_a_row_is_not_judged_by_its_temperature(tmp_path: Path) -> None:
    """Ten times the logits: the same probabilities after one fitted power."""
    rng, p = np.random.default_rng(1), []
    truth = rng.integers(0, 3, 60)
    logits = rng.normal(0, 1, (60, 3)) + 1.5 * np.eye(3)[truth]
    items, roles = [f"w_{n:02}.jpg#0" for n in range(60)], [ROLE_VALIDATION] * 60
    for scale in (1.0, 10.0):
        write(tmp_path / "predictions.npz", Predictions.of(items, roles, WHALES, (scale * logits).astype(np.float32)))
        images, rows, columns = ablation_table.calibrated(
            tmp_path / "predictions.npz", WHALES, {f"w_{n:02}.jpg": int(whale) for n, whale in enumerate(truth)}
        )
        assert images == [f"w_{n:02}.jpg" for n in range(60)] and (columns == truth).all()
        p.append(rows)
    np.testing.assert_allclose(p[0], p[1], atol=1e-4)
    assert ablation_rows.KICK < 1
