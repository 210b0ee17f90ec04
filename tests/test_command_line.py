"""Command lines: exit codes, one message, and help that stands as it was written."""

from pathlib import Path

import pytest

from whichwhale.command_line import add_config, carried_out, parser_of


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
