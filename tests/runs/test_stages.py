"""Stages: what a command took is kept, whatever becomes of it, and told in a table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import whichwhale
from whichwhale.runs.__main__ import main
from whichwhale.runs.stages import read_stages, run_stage

HOLD = "import sys, time; held = bytearray(int(sys.argv[1])); time.sleep(float(sys.argv[2]))"


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-I", "-c", *arguments]


def test_what_a_command_took_is_kept(tmp_path: Path) -> None:
    """By the door, in a process of its own: a process that was forked from a large one counts as large before it starts."""
    environment = os.environ | {"PYTHONPATH": str(Path(whichwhale.__file__).parents[1]), "WHICHWHALE_RUNS": str(tmp_path)}

    def stage(name: str, *command: str) -> int:
        door = [sys.executable, "-m", "whichwhale.runs", "stage", "sea", name]
        return subprocess.run([*door, *command], env=environment).returncode

    assert stage("hold", *python(HOLD, "100000000", "0")) == 0
    assert stage("fail", *python("raise SystemExit(3)")) == 3
    assert stage("die", *python("import os; os.kill(os.getpid(), 9)")) == 128 + 9
    first, *rest = [json.loads(line) for line in (tmp_path / "sea" / "stages.jsonl").read_text().splitlines()]
    assert [row["stage"] for row in rest] == ["fail", "die"] and [row["exit"] for row in rest] == [3, 137]
    assert 100 <= first["peak_memory_mb"] < 200 and rest[0]["peak_memory_mb"] < 100
    assert first["command"] == python(HOLD, "100000000", "0")


def test_memory_is_that_of_all_processes_together(tmp_path: Path) -> None:
    """Two children hold 80 MB each at the same time: no single process ever has as much as both."""
    child = f"import subprocess, sys; c = [sys.executable, '-I', '-c', {HOLD!r}, '80000000', '3']; p = subprocess.Popen(c)\n"
    assert run_stage(tmp_path / "log", "two", python(child + "subprocess.run(c); p.wait()")) == 0
    assert read_stages(tmp_path / "log")[0].peak_memory_mb >= 160


def test_calls_of_a_stage_are_summed_and_those_since_a_moment_told_apart(tmp_path: Path) -> None:
    rows = [("a", 10.0, 60.0, 500, 1), ("b", 20.0, 5.0, 900, 0), ("a", 100.0, 3600.0, 400, 0), ("b", 200.0, 1.0, 100, 2)]
    keys = ("stage", "time", "seconds", "peak_memory_mb", "exit")
    lines = [json.dumps(dict(zip(keys, row, strict=True))) for row in rows]
    (tmp_path / "log").write_text("\n".join([*lines, '{"stage": "a", "ti']))  # cut off by a kill
    a, b = read_stages(tmp_path / "log", since=100.0)
    assert (a.name, a.seconds, a.seconds_of_all, a.peak_memory_mb, a.exit) == ("a", 3600.0, 3660.0, 500, 0)
    assert (b.name, b.seconds, b.seconds_of_all, b.peak_memory_mb, b.exit) == ("b", 1.0, 6.0, 900, 2)


def test_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path))
    assert main(["stages", "sea"]) == 2
    assert "no stage was measured" in capsys.readouterr().err
    assert main(["stage", "sea", "a word", *python("print(3)")]) == 0
    assert main(["stage", "sea", "other", *python("raise SystemExit(4)")]) == 4
    assert main(["stage", "sea", "nowhere", str(tmp_path / "nowhere")]) == 2
    assert "can't be started" in capsys.readouterr().err
    assert main(["stages", "sea"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["stage", "wall", "time", "peak", "MB"]
    assert lines[1].startswith("a word  ") and lines[2].endswith("failed") and lines[3].startswith("total")
    assert main(["stages", "sea", "--since", "9e9"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "with earlier calls" in lines[0] and lines[3].split()[1] == "0:00"
