"""Typed, strict configuration: YAML says only what differs from the defaults, the command line says only what differs from that.

    config = load(EnsembleConfig, "configs/right_whale_heads/ensemble.yaml", ["floor=1e-5", "members=[lite0_160]"])
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import pydantic
import yaml


class ConfigError(ValueError):
    """A config that can't be used; the message names file, key and fix."""


class Config(pydantic.BaseModel):
    """Every config class of the house: immutable, and an unknown key is an error."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _number_is_a_number(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        """pydantic alone would take `true` as 1, and a quoted number as the number."""
        if isinstance(value, bool | str) and cls.model_fields[str(info.field_name)].annotation in (int, float):
            raise ValueError("Input should be a number")
        return value


Model = TypeVar("Model", bound=Config)
# Of a key whose value is a list: one value alone is a list of one, so that `fold=0` may be said for `fold=[0]`.
LISTED = pydantic.BeforeValidator(lambda value: value if isinstance(value, list) else [value])


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, but 1e-4 is a number (PyYAML wants 1.0e-4), `no` a word, and a key given twice an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        merge = "tag:yaml.org,2002:merge"  # `<<: *anchor` is no key of its own
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != merge]
        for key in keys:
            if keys.count(key) > 1:
                raise ConfigError(f"line {node.start_mark.line + 1}: key {key!r} is given twice")
        return super().construct_mapping(node, deep)


_FLOAT = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)$")
_BOOL = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != _BOOL]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# As YAML 1.2: `fit.precision=no` is the word. Where a key wants true or false, pydantic still takes yes and no for them.
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def parse_yaml(text: str) -> Any:
    """Parse one YAML document with the house's number rule."""
    return yaml.load(text, _Loader)  # a SafeLoader: builds plain values only


def read_yaml(path: str | Path, _from: tuple[Path, ...] = ()) -> dict:
    """Read a YAML mapping; `extends: other.yaml` (relative to this file) is read first and overridden key by key."""
    path = Path(path)
    if path.resolve() in _from:
        raise ConfigError(f"{path}: extends itself, by way of {_from[-1].name}")
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config file") from None
    except (yaml.YAMLError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: a config is a mapping of keys to values, found {type(values).__name__}")
    parent = values.pop("extends", None)
    return _merge(read_yaml(path.parent / str(parent), (*_from, path.resolve())), values) if parent else values


def load(model: type[Model], path: str | Path | None, overrides: list[str] | tuple[str, ...] = ()) -> Model:
    """Read `path` (None: defaults alone), put the command line's `key.sub=value` over it, and check everything.

    Raises ConfigError that names the file or the argument, the key, and the nearest key that exists.
    """
    values = read_yaml(path) if path is not None else {}
    tree = list(_all_keys(model, ""))
    _check_keys(model, values, "", str(path), tree)
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigError(f"{text!r}: expected key=value, for example fit.epochs=2")
        try:
            change: Any = parse_yaml(value)
        except (yaml.YAMLError, ConfigError) as error:
            raise ConfigError(f"{text!r}: the value is not YAML: {error}") from None
        for part in reversed(key.split(".")):
            change = {part: change}
        _check_keys(model, change, "", text, tree)
        values = _merge(values, change)
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        lines = [_told(one["loc"], one["msg"], one["input"]) for one in error.errors()]
        raise ConfigError(f"{path or 'config'}: " + "; ".join(lines)) from None


def _told(place: tuple[int | str, ...], message: str, found: Any) -> str:
    """A fault in a line. One between several keys is found in what holds them all, which nobody wants to read."""
    where = ".".join(str(part) for part in place)
    got = "" if isinstance(found, dict | Config) else f" (got {found!r})"
    return (f"{where}: " if where else "") + message.removeprefix("Value error, ") + got


def load_named(model: type[Model], path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Model:
    """As `load`, for configs with a `name`: the file's own, unless it or the command line says another."""
    config: Any = load(model, path, overrides)
    return config if config.name else config.model_copy(update={"name": Path(path).stem})


def to_yaml(config: Config) -> str:
    """The whole config, defaults included, as YAML that `load` reads back to an equal one."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _merge(under: dict, over: dict) -> dict:
    """`over` wins, mappings are merged key by key, everything else (lists too) is replaced; an empty mapping empties."""
    result = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and value and isinstance(result.get(key), dict)
        result[key] = _merge(result[key], value) if both else value
    return result


def _check_keys(model: type[Config], values: Any, prefix: str, where: str, tree: list[str]) -> None:
    """Raise for a key that `model` has not, naming the nearest right one, here or elsewhere in `tree`."""
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        field = model.model_fields.get(str(key))
        if field is None:
            near = [prefix + name for name in difflib.get_close_matches(str(key), model.model_fields, 1, 0.7)]
            elsewhere = {name.rpartition(".")[2]: name for name in reversed(tree)}
            near = near or [elsewhere[name] for name in difflib.get_close_matches(str(key), elsewhere, 1, 0.6)]
            hint = f"; did you mean {near[0]!r}?" if near else f"; the keys here are {', '.join(model.model_fields)}"
            raise ConfigError(f"{where}: unknown key {prefix + str(key)!r}{hint}")
        nested = _nested(field.annotation)
        for one in value if isinstance(value, list) else [value]:  # a list of configs, such as kicks
            if nested and isinstance(one, dict):
                meant = max(nested, key=lambda choice: len(choice.model_fields.keys() & one.keys()))  # noqa: B023 (used at once)
                _check_keys(meant, one, f"{prefix}{key}.", where, tree)


def _all_keys(model: type[Config], prefix: str) -> Any:
    for name, field in model.model_fields.items():
        yield prefix + name
        for nested in _nested(field.annotation):
            yield from _all_keys(nested, f"{prefix}{name}.")


def _nested(annotation: Any) -> list[type[Config]]:
    """The config classes that an annotation lets a value, or an entry of a list, be: `C`, `C | None`, `C | D`, `list[C]`."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return [annotation]
    if get_origin(annotation) is dict:
        return []  # its keys are names of the user's own
    return [found for part in get_args(annotation) for found in _nested(part)]


def runs_dir() -> Path:
    """Where run folders go: WHICHWHALE_RUNS, else `runs`."""
    return Path(os.environ.get("WHICHWHALE_RUNS", "runs"))


def input_dir() -> Path:
    """Where data sets lie: WHICHWHALE_INPUT, else `input`."""
    return Path(os.environ.get("WHICHWHALE_INPUT", "input"))
