"""Typed, strict configuration: YAML says only what differs from the defaults, the command line says only what differs from that.

    config = load(EnsembleConfig, "configs/right_whale_heads/ensemble.yaml", ["floor=1e-5", "members=[lite0_160]"])
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic
import yaml


class ConfigError(ValueError):
    """A config that can't be used; the message names file, key and fix."""


class Config(pydantic.BaseModel):
    """Every config class of the house: immutable, and an unknown key is an error."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_default=True)


Model = TypeVar("Model", bound=Config)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, but 1e-4 is a number (PyYAML wants 1.0e-4) and a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ConfigError(f"line {node.start_mark.line + 1}: key {key!r} is given twice")
        return super().construct_mapping(node, deep)


_FLOAT = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)$")
_Loader.yaml_implicit_resolvers = {key: list(value) for key, value in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def parse_yaml(text: str) -> Any:
    """Parse one YAML document with the house's number rule."""
    return yaml.load(text, _Loader)  # a SafeLoader: builds plain values only


def read_yaml(path: str | Path) -> dict:
    """Read a YAML mapping; `extends: other.yaml` (relative to this file) is read first and overridden key by key."""
    path = Path(path)
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
    return _merge(read_yaml(path.parent / parent), values) if parent else values


def load(model: type[Model], path: str | Path | None, overrides: list[str] | tuple[str, ...] = ()) -> Model:
    """Read `path` (None: defaults alone), put the command line's `key.sub=value` over it, and check everything.

    Raises ConfigError that names the file or the argument, the key, and the nearest key that exists.
    """
    values = read_yaml(path) if path is not None else {}
    _check_keys(model, values, "", str(path))
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigError(f"{text!r}: expected key=value, for example fit.epochs=2")
        try:
            change: Any = parse_yaml(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"{text!r}: the value is not YAML: {error}") from None
        for part in reversed(key.split(".")):
            change = {part: change}
        _check_keys(model, change, "", text)
        values = _merge(values, change)
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']} (got {one['input']!r})" for one in error.errors()]
        raise ConfigError(f"{path or 'config'}: " + "; ".join(lines)) from None


def to_yaml(config: Config) -> str:
    """The whole config, defaults included, as YAML that `load` reads back to an equal one."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _merge(under: dict, over: dict) -> dict:
    """`over` wins, mappings are merged key by key, everything else (lists too) is replaced."""
    result = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merge(result[key], value) if both else value
    return result


def _check_keys(model: type[Config], values: Any, prefix: str, where: str) -> None:
    """Raise for a key that `model` has not, naming the nearest right one (anywhere in the tree if none is near here)."""
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        field = model.model_fields.get(str(key))
        if field is None:
            tree = list(_all_keys(model, prefix))
            near = difflib.get_close_matches(prefix + str(key), tree, 1, 0.5)
            near = near or [name for name in tree if name.split(".")[-1] == str(key)][:1]
            hint = f"; did you mean {near[0]!r}?" if near else f"; the keys here are {', '.join(model.model_fields)}"
            raise ConfigError(f"{where}: unknown key {prefix + str(key)!r}{hint}")
        nested = _nested(field.annotation)
        if nested is not None:
            _check_keys(nested, value, f"{prefix}{key}.", where)


def _all_keys(model: type[Config], prefix: str) -> Any:
    for name, field in model.model_fields.items():
        yield prefix + name
        nested = _nested(field.annotation)
        if nested is not None:
            yield from _all_keys(nested, f"{prefix}{name}.")


def _nested(annotation: Any) -> type[Config] | None:
    """The config class in an annotation `C` or `C | None`; None where there is none, or a choice that pydantic must make."""
    found = [one for one in (annotation, *get_args(annotation)) if isinstance(one, type) and issubclass(one, Config)]
    return found[0] if len(found) == 1 else None


def runs_dir() -> Path:
    """Where run folders go: WHICHWHALE_RUNS, else `runs`."""
    return Path(os.environ.get("WHICHWHALE_RUNS", "runs"))


def input_dir() -> Path:
    """Where data sets lie: WHICHWHALE_INPUT, else `input`."""
    return Path(os.environ.get("WHICHWHALE_INPUT", "input"))
