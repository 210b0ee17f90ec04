"""Every door tells what it does, with an example that starts as one types it."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = ["train", "predict", "ensemble"]
DOORS = sorted(f"whichwhale.{path.parent.name}.__main__" for path in (ROOT / "src" / "whichwhale").glob("*/__main__.py"))


@pytest.mark.parametrize("name", [*SCRIPTS, *DOORS])
def test_help_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        importlib.import_module(name).main(["--help"])
    assert end.value.code == 0
    shown = name.removesuffix(".__main__")
    example = f"  python {shown}.py " if name in SCRIPTS else f"  python -m {shown} "
    assert example in capsys.readouterr().out


@pytest.mark.parametrize(("script", "config"), [("train", "ensemble"), ("predict", "ensemble"), ("ensemble", "passports")])
def test_a_config_given_to_the_wrong_script_names_the_right_one(
    script: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert importlib.import_module(script).main([str(ROOT / "configs" / "survey" / f"{config}.yaml")]) == 2
    told = capsys.readouterr().err
    assert ("ensemble.py" if config == "ensemble" else "for train.py and predict.py") in told
