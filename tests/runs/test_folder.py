"""Run folders: complete enough to repeat, and never two runs in one."""

import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from whichwhale.config import Config, load
from whichwhale.runs import RunError, RunFolder, fitted_folds


class Sea(Config):
    height: float = 0.5
    kicks: list[tuple[int, float]] = [(1, 2.0)]


class Model(Config):
    name: str = "no"  # a word that YAML may take for false
    lr: float = 1e-5
    sea: Sea = Sea()


PROVENANCE = {"fold": 0, "seed": 3, "tables": {"train": "ab12"}, "sizes": (3, 4)}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.start(tmp_path / "runs" / "fold0", Model(), PROVENANCE)


def test_a_new_run_is_complete(run: RunFolder) -> None:
    assert load(Model, run.path / "config.yaml") == Model()
    assert run.status()["state"] == "new"
    assert (run.path / "changes.diff").exists()
    assert not run.fitted
    assert not list(run.path.glob(".*"))  # nothing half-written


def test_provenance_has_the_commit_and_the_versions(run: RunFolder) -> None:
    found = run.provenance()
    assert found["fold"] == 0 and found["seed"] == 3 and found["tables"] == {"train": "ab12"}
    for package in ("torch", "timm", "accelerate", "numpy"):
        assert found["versions"][package] == version(package)
    assert found["machine"]["cores"] == os.cpu_count()
    here = Path(__file__).parent
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True)
    expected = git.stdout.strip() if git.returncode == 0 else "unknown"
    assert found["commit"] == expected
    assert all(isinstance(name, str) for name in found["modified"])


def test_provenance_names_the_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "gpu" not in RunFolder.start(tmp_path / "without", Model(), {}).provenance()["machine"]
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Some GPU 80GB")
    assert RunFolder.start(tmp_path / "with", Model(), {}).provenance()["machine"]["gpu"] == "Some GPU 80GB"


def test_outside_a_checkout_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no git here
    found = RunFolder.start(tmp_path / "run", Model(), {}).provenance()
    assert found["commit"] == "unknown" and found["modified"] == []


def test_the_same_run_is_opened_again_as_it_is(run: RunFolder) -> None:
    run.set_status("running", epoch=4)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    again = RunFolder.start(run.path, Model(), PROVENANCE)
    assert again == run and again.status()["epoch"] == 4
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def test_another_config_is_refused_by_the_key(run: RunFolder) -> None:
    with pytest.raises(RunError) as caught:
        RunFolder.start(run.path, Model(lr=2e-5, sea=Sea(height=0.6, kicks=[(1, 3.0)])), PROVENANCE)
    message = str(caught.value)
    assert message.startswith(f"{run.path}: ") and "name=" in message
    assert "lr: 1e-05 -> 2e-05" in message
    assert "sea.height: 0.5 -> 0.6" in message
    assert "sea.kicks: [[1, 2.0]] -> [[1, 3.0]]" in message
    assert "name:" not in message


def test_a_key_that_the_code_learnt_since_had_its_default(run: RunFolder) -> None:
    written = yaml.safe_load((run.path / "config.yaml").read_text())
    del written["lr"]
    (run.path / "config.yaml").write_text(yaml.safe_dump(written))
    RunFolder.start(run.path, Model(), PROVENANCE)
    with pytest.raises(RunError, match="lr: "):
        RunFolder.start(run.path, Model(lr=9.0), PROVENANCE)


def test_other_data_are_refused_by_the_key(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"\(tables.train differs\)"):
        RunFolder.start(run.path, Model(), PROVENANCE | {"tables": {"train": "cd34"}})
    with pytest.raises(RunError, match=r"\(seed differs\)"):
        RunFolder.start(run.path, Model(), PROVENANCE | {"seed": 4})


def test_a_start_that_was_killed_before_the_config_is_begun_anew(run: RunFolder) -> None:
    """The config is written last, so without it nothing has been fitted here."""
    (run.path / "config.yaml").unlink()
    RunFolder.start(run.path, Model(lr=1.0), PROVENANCE | {"seed": 9})
    assert load(Model, run.path / "config.yaml") == Model(lr=1.0)
    assert run.provenance()["seed"] == 9


def test_status_shows_progress_and_a_sign_of_life(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1234.5)
    run.set_status("running", epoch=2, step=7)
    assert run.status() == {"state": "running", "time": 1234.5, "process": os.getpid(), "epoch": 2, "step": 7}
    assert json.loads((run.path / "status.json").read_text()) == run.status()
    assert RunFolder(run.path / "none").status() == {}


def test_fitted_needs_the_weights_as_well(run: RunFolder) -> None:
    run.set_status("fitted")
    assert not run.fitted
    run.weights.write_bytes(b"")
    assert run.fitted
    run.set_status("running")
    assert not run.fitted


def test_what_is_not_fitted_is_refused_with_its_state(run: RunFolder) -> None:
    run.set_status("failed")
    with pytest.raises(RunError, match=rf"{run.path}: not fitted yet \(state failed\); run train.py first"):
        run.refuse_unfitted()
    with pytest.raises(RunError, match="state missing"):
        RunFolder(run.path / "none").read_weights()


def test_a_finished_run_has_lost_its_checkpoints_alone(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (run.path / "checkpoints" / "epoch00001").mkdir(parents=True)
    run.weights.write_bytes(b"")
    RunFolder(run.path, writes=False).finish("hub")
    assert run.status()["state"] == "new" and (run.path / "checkpoints").exists()
    states = []
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: states.append(run.status()["state"]))
    run.finish("hub", error_50=0.25)
    assert states == ["fitted"]  # before that a kill would leave a run that is neither fitted nor can go on
    monkeypatch.undo()
    run.finish("hub", error_50=0.25)
    assert run.fitted and not (run.path / "checkpoints").exists()
    assert run.status()["weights_from"] == "hub" and run.status()["error_50"] == 0.25


def test_fitted_folds_are_those_that_ended(tmp_path: Path) -> None:
    for fold, state in ((0, "fitted"), (1, "running"), (2, "fitted")):
        one = RunFolder.start(tmp_path / f"fold{fold}", Model(), PROVENANCE | {"fold": fold})
        one.weights.write_bytes(b"")
        one.set_status(state)
    assert [one.path.name for one in fitted_folds(tmp_path)] == ["fold0", "fold2"]
    assert fitted_folds(tmp_path / "none") == []


@pytest.mark.parametrize("error", [ValueError("no whale"), KeyboardInterrupt()])
def test_an_error_marks_the_run_as_failed_and_goes_on_up(run: RunFolder, error: BaseException) -> None:
    with pytest.raises(type(error)), run.running() as same:
        assert same.status()["state"] == "running"
        raise error
    assert run.status()["state"] == "failed"
    assert run.status()["error"] == f"{type(error).__name__}: {error}"


def test_a_run_that_ends_well_keeps_the_state_it_was_given(run: RunFolder) -> None:
    with run.running():
        run.set_status("fitted")
    assert run.status()["state"] == "fitted"


def test_another_process_of_the_same_fit_changes_nothing(run: RunFolder) -> None:
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    other = RunFolder.start(run.path, Model(), PROVENANCE, writes=False)
    with pytest.raises(ZeroDivisionError), other.running():
        other.set_status("running", epoch=3)
        1 / 0  # noqa: B018
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before
    with pytest.raises(RunError):
        RunFolder.start(run.path, Model(lr=9.0), PROVENANCE, writes=False)
