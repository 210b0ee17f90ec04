"""Configs: strict keys and types, the number rule, extends, and what the command line may change."""

from pathlib import Path
from typing import Annotated, Literal

import pydantic
import pytest

from whichwhale.config import LISTED, Config, ConfigError, input_dir, load, load_named, parse_yaml, read_yaml, runs_dir, to_yaml


class Swell(Config):
    epoch: float = 0.0
    factor: float = 3.0


class Sea(Config):
    height: float = 0.5  # m
    colour: Literal["green", "blue", "no"] = "green"
    swells: list[Swell] = []


class Boat(Config):
    knots: int = 10
    crew: int | None = None


class Whale(Config):
    name: str = "Porter"
    seen: bool = False
    photos: int = pydantic.Field(3, ge=1)
    offset: tuple[float, float] = (0.0, 0.0)
    sea: Sea = Sea()
    boat: Boat | None = None


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "whale.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(path: Path | None, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(Whale, path, overrides)
    return str(caught.value)


def test_yaml_says_only_what_differs(write) -> None:
    whale = load(Whale, write("sea: {height: 2}\noffset: [1, 2.5]\n"))
    assert whale == Whale(sea=Sea(height=2.0), offset=(1.0, 2.5))
    assert load(Whale, write("")) == load(Whale, None) == Whale()


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("photo", "photos"),
        ("sea.hight", "sea.height"),
        ("boat.knot", "boat.knots"),  # inside an optional config
        ("knots", "boat.knots"),  # right name, wrong place
        ("sea.crew", "boat.crew"),
    ],
)
def test_an_unknown_key_is_refused_by_the_nearest_right_one(write, key: str, nearest: str) -> None:
    above, _, last = key.rpartition(".")
    path = write(f"{above}: {{{last}: 1}}\n" if above else f"{last}: 1\n")
    assert refusal(path) == f"{path}: unknown key '{key}'; did you mean '{nearest}'?"
    assert refusal(None, f"{key}=1") == f"{key}=1: unknown key '{key}'; did you mean '{nearest}'?"


def test_an_unknown_key_in_a_list_of_configs(write) -> None:
    path = write("sea: {swells: [{epoch: 1}, {epohc: 2}]}\n")
    assert refusal(path) == f"{path}: unknown key 'sea.swells.epohc'; did you mean 'sea.swells.epoch'?"


def test_a_key_like_no_other_is_refused_by_the_list_of_keys() -> None:
    assert refusal(None, "sea.zzz=1").endswith("unknown key 'sea.zzz'; the keys here are height, colour, swells")


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("photos", "many", "'many'"),
        ("photos", "2.5", "2.5"),
        ("photos", "true", "True"),  # pydantic alone takes true as 1
        ("photos", "'4'", "'4'"),
        ("photos", "0", "0"),  # out of range
        ("sea.height", "high", "'high'"),
        ("sea.height", "false", "False"),
        ("sea.colour", "red", "'red'"),
        ("sea", "3", "3"),
        ("name", "7", "7"),
        ("seen", "maybe", "'maybe'"),
        ("offset", "[1]", "[1]"),
        ("boat.crew", "none", "'none'"),
    ],
)
def test_a_wrong_value_is_refused_by_key_and_value(write, key: str, value: str, shown: str) -> None:
    above, _, last = key.rpartition(".")
    path = write(f"{above}: {{{last}: {value}}}\n" if above else f"{last}: {value}\n")
    for message in (refusal(path), refusal(None, f"{key}={value}")):
        assert f"{key}" in message
        assert f"(got {shown}" in message or f"{shown})" in message
        assert "\n" not in message
    assert refusal(path).startswith(str(path))


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-4", 1e-4), ("2e3", 2000.0), (".5", 0.5), ("5.", 5.0), ("-1E+2", -100.0), ("+3.5e1", 35.0), (".5e1", 5.0)],
)
def test_numbers(text: str, number: float) -> None:
    assert parse_yaml(text) == number and isinstance(parse_yaml(text), float)
    assert load(Whale, None, [f"sea.height={text}"]).sea.height == number


@pytest.mark.parametrize("text", ["e4", "1e", "1e-4x", "no", "yes", "off", "n", "1e-4 m"])
def test_words_that_are_no_numbers_and_no_truth_values(text: str) -> None:
    assert parse_yaml(text) == text


def test_true_false_and_null() -> None:
    assert [parse_yaml(text) for text in ("true", "False", "null", "7")] == [True, False, None, 7]
    assert load(Whale, None, ["seen=yes"]).seen is True
    assert load(Whale, None, ["seen=no"]).seen is False
    assert load(Whale, None, ["sea.colour=no"]).sea.colour == "no"


def test_the_command_line_goes_over_the_file_key_by_key(write) -> None:
    path = write("sea: {height: 2, colour: blue}\nphotos: 9\n")
    whale = load(Whale, path, ["sea.height=3", "photos=4", "photos=5", "boat.crew=2", "sea.swells=[{epoch: 1}]", "name=a=b"])
    assert whale == Whale(
        sea=Sea(height=3.0, colour="blue", swells=[Swell(epoch=1.0)]), photos=5, boat=Boat(crew=2), name="a=b"
    )


def test_a_list_is_replaced_not_merged(write) -> None:
    path = write("sea: {swells: [{epoch: 1}, {epoch: 2}]}\n")
    assert load(Whale, path, ["sea.swells=[]"]).sea.swells == []


def test_an_empty_mapping_empties(write) -> None:
    """As a list does: names of the user's own could not be taken out of a file's mapping otherwise."""
    path = write("sea: {height: 2, colour: blue}\n")
    assert load(Whale, path, ["sea={}"]) == Whale()
    assert load(Whale, path, ["sea={}", "sea.height=3"]).sea == Sea(height=3.0)


@pytest.mark.parametrize("text", ["photos", "=3", "sea: 3"])
def test_an_argument_without_a_key_and_a_value(text: str) -> None:
    assert refusal(None, text) == f"{text!r}: expected key=value, for example fit.epochs=2"


def test_an_argument_whose_value_is_not_yaml() -> None:
    assert refusal(None, "offset=[1, 2").startswith("'offset=[1, 2': the value is not YAML")
    assert "'sea={height: 1, height: 2}'" in (message := refusal(None, "sea={height: 1, height: 2}"))
    assert "key 'height' is given twice" in message


def test_extends_is_read_first_and_overridden(write, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    write("sea: {height: 1, colour: blue}\nphotos: 7\n", "ground.yaml")
    write("extends: ../ground.yaml\nphotos: 8\n", "far/middle.yaml")
    top = write("extends: far/middle.yaml\nsea: {height: 4}\n")
    assert load(Whale, top, ["name=Snotty"]) == Whale(sea=Sea(height=4.0, colour="blue"), photos=8, name="Snotty")
    assert read_yaml(top) == {"sea": {"height": 4, "colour": "blue"}, "photos": 8}


def test_extends_of_nothing_and_of_itself(write, tmp_path: Path) -> None:
    path = write("extends: away.yaml\n")
    assert refusal(path) == f"{tmp_path / 'away.yaml'}: no such config file"
    write("extends: whale.yaml\n", "other.yaml")
    assert "extends itself" in refusal(write("extends: other.yaml\n"))


def test_a_key_given_twice_is_refused_by_line(write) -> None:
    path = write("photos: 1\nsea:\n  height: 1\n  height: 2\n")
    assert refusal(path) == f"{path}: line 3: key 'height' is given twice"


def test_anchors_and_merge_keys_work(write) -> None:
    whale = load(Whale, write("sea: &calm {height: 0.1}\n"))
    assert whale.sea.height == 0.1
    assert parse_yaml("a: &calm {height: 1, colour: blue}\nb: {<<: *calm, height: 2}")["b"] == {"height": 2, "colour": "blue"}


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "just words\n", "a: [1\n", "a: !!python/object/apply:os.getcwd []\n"])
def test_a_file_that_is_no_plain_mapping_is_refused_by_name(write, text: str) -> None:
    path = write(text)
    assert refusal(path).startswith(f"{path}: ")


def test_a_missing_file() -> None:
    assert refusal(Path("nowhere/x.yaml")) == "nowhere/x.yaml: no such config file"


def test_to_yaml_reads_back_to_an_equal_config(write) -> None:
    whale = Whale(
        name="no", photos=11, offset=(1e-05, -2e20), sea=Sea(height=1e-4, colour="no", swells=[Swell(epoch=0.5)]), boat=Boat()
    )
    assert load(Whale, write(to_yaml(whale))) == whale
    assert set(read_yaml(write(to_yaml(Whale())))) == set(Whale.model_fields)  # defaults included


def test_a_config_is_frozen() -> None:
    with pytest.raises(pydantic.ValidationError):
        Whale().photos = 4  # type: ignore[misc]
    with pytest.raises(pydantic.ValidationError):
        Whale(fotos=4)  # type: ignore[call-arg]


def test_a_default_out_of_range_is_refused_too() -> None:
    class Broken(Config):
        photos: int = pydantic.Field(0, ge=1)

    with pytest.raises(ConfigError, match="photos"):
        load(Broken, None)


class Model(Config):
    name: str = ""
    fold: Annotated[list[int | Literal["all"]], LISTED] = []


def test_a_config_without_a_name_has_its_files_own(write) -> None:
    assert load_named(Model, write("fold: [1]", "arc.loss.yaml")) == Model(name="arc.loss", fold=[1])
    assert load_named(Model, write("name: mine")).name == "mine"
    assert load_named(Model, write(""), ["name=yours"]).name == "yours"


def test_one_value_is_a_list_of_one(write) -> None:
    assert load(Model, write("fold: 3")).fold == [3] == load(Model, None, ["fold=3"]).fold
    assert load(Model, None, ["fold=all"]).fold == ["all"] and load(Model, None, ["fold=[0,all]"]).fold == [0, "all"]
    with pytest.raises(ConfigError, match=r"fold.*got 'some'"):
        load(Model, None, ["fold=some"])


def test_folders_move_by_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("WHICHWHALE_RUNS", "WHICHWHALE_INPUT"):
        monkeypatch.delenv(variable, raising=False)
    assert (runs_dir(), input_dir()) == (Path("runs"), Path("input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "r"))
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "i"))
    assert (runs_dir(), input_dir()) == (tmp_path / "r", tmp_path / "i")


class Pair(Config):
    first: int = 1
    second: int = 2

    @pydantic.model_validator(mode="after")
    def _in_order(self):
        if self.first > self.second:
            raise ValueError(f"first={self.first} comes after second={self.second}")
        return self


class Pairs(Pair):
    inner: Pair = Pair()


def test_a_fault_between_keys_is_told_without_all_that_holds_them(write) -> None:
    with pytest.raises(ConfigError) as caught:
        load(Pairs, path := write("first: 3\n"))
    assert str(caught.value) == f"{path}: first=3 comes after second=2"
    with pytest.raises(ConfigError) as caught:
        load(Pairs, None, ["inner.first=5"])
    assert str(caught.value) == "config: inner: first=5 comes after second=2"
