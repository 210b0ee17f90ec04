"""Command lines: exit codes, one message, and help that stands as it was written."""

import subprocess
import sys
from pathlib import Path

import pytest

from whichwhale.command_line import add_config, carried_out, parsed, parser_of


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (7, 7)])
def test_a_command_ends_with_what_it_returns(returned: int | None, code: int) -> None:
    assert carried_out(lambda: returned) == code


@pytest.mark.parametrize("problem", [ValueError("no such whale"), FileNotFoundError(2, "No such file", "whales.csv")])
@pytest.mark.parametrize(("by", "before"), [("", ""), ("train.py", "train.py: ")])
def test_what_cannot_be_carried_out_is_one_message(
    problem: Exception, by: str, before: str, capsys: pytest.CaptureFixture
) -> None:
    def run(*what: object) -> None:
        assert what == ("a", 1)
        raise problem

    assert carried_out(run, "a", 1, by=by) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == f"{before}{problem}\n"


def test_an_error_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(KeyError):
        carried_out(lambda: {}["key"])


def test_help_stands_as_it_was_written(capsys: pytest.CaptureFixture) -> None:
    about, examples = "About.\n\n  kept   apart", "examples:\n  python -m whichwhale.runs list"
    parser = parser_of("python -m whichwhale.runs", about, examples)
    add_config(parser, "a YAML", "changes")
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    told = capsys.readouterr().out
    assert about in told and examples in told and told.startswith("usage: python -m whichwhale.runs")
    options = parser.parse_args(["a.yaml", "fit.epochs=2", "seed=1"])
    assert options.config == Path("a.yaml") and options.override == ["fit.epochs=2", "seed=1"]


def test_changes_may_stand_behind_options_too(capsys: pytest.CaptureFixture) -> None:
    parser = parser_of("look", "About.")
    commands = parser.add_subparsers(dest="command", required=True)
    find = commands.add_parser("find")
    add_config(find, "a YAML", "changes")
    find.add_argument("--model")
    commands.add_parser("list").add_argument("--model")
    found = parsed(parser, ["find", "a.yaml", "views=1", "--model", "m", "zoom=-2", "x=y"], "override")
    assert (found.config, found.override, found.model) == (Path("a.yaml"), ["views=1", "zoom=-2", "x=y"], "m")
    assert parsed(parser, ["find", "a.yaml", "--model", "m"], "override").override == []
    for wrong in (["find", "a.yaml", "--modle=m"], ["list", "--model", "m", "x=y"]):
        with pytest.raises(SystemExit):
            parsed(parser, wrong, "override")
        assert f"unrecognized arguments: {wrong[-1]}" in capsys.readouterr().err


def test_whoever_stops_reading_has_read_enough(tmp_path: Path) -> None:
    """As `| head -1` does, of more than a pipe holds; and of less, which is written when the program ends."""
    work = (
        "(print('x' * int(sys.argv[1]), flush=True), print('done', file=sys.stderr), 3)[-1]"  # what follows is done all the same
    )
    code = f"import sys; from whichwhale import command_line as c; sys.exit(c.carried_out(lambda: {work}))"
    for lines in ("100000", "10"):
        writer = subprocess.Popen([sys.executable, "-c", code, lines], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        writer.stdout.close()
        assert writer.wait(60) == 3 and writer.stderr.read() == b"done\n"
        writer.stderr.close()


def test_another_pipe_that_breaks_is_a_failure(capsys: pytest.CaptureFixture) -> None:
    def run() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    assert carried_out(run) == 2 and "Broken pipe" in capsys.readouterr().err
