"""What code something comes of: the files of the house that a module needs, and the packages that these import.

Both are found by following import statements, so nobody keeps a list. What a file means counts, not how it is written: comments
and docstrings change no fingerprint.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Imported, and their version changes no number: pydantic and PyYAML read settings, safetensors weights, pandas the table of a
# store; a key has what they have read. tqdm draws bars.
SILENT = {"pandas", "pydantic", "safetensors", "tqdm", "yaml"}
# Imported by no file of the house, but doing the arithmetic of one that is.
BEHIND = {"albumentations": ("albucore",)}


@lru_cache(maxsize=8)
def code_of(module: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """For a key: the fingerprint of `sources` and the versions of their `packages`. Looked up once a process."""
    found = sources(module, without)
    return {"code": fingerprint(found), "packages": packages(found)}


def sources(module: str, without: tuple[str, ...] = ()) -> dict[str, Path]:
    """`module` and all modules of its top-level package that it imports, also by way of others and within functions, with their
    files. Modules `without`, and what lies below them, are neither named nor looked into."""
    house, found, waiting = module.split(".")[0], {}, [module]
    while waiting:
        name = waiting.pop()
        if name in found or any(f"{name}.".startswith(f"{one}.") for one in without):
            continue
        found[name] = _file(name)
        waiting += [one for one in _imports(name, found[name]) if one.split(".")[0] == house]
    return dict(sorted(found.items()))


def fingerprint(modules: dict[str, Path]) -> str:
    """SHA-256 of what the files of `sources` mean."""
    digest = hashlib.sha256()
    for name, path in modules.items():
        digest.update(f"{name}\n{_meaning(path)}\n".encode())
    return digest.hexdigest()


def packages(modules: dict[str, Path]) -> dict[str, str]:
    """Versions of the installed packages that the files of `sources` import, but for those that are `SILENT`."""
    tops = {one.split(".")[0] for name, path in modules.items() for one in _imports(name, path)}
    tops -= {name.split(".")[0] for name in modules} | sys.stdlib_module_names | SILENT
    of = _distributions()
    names = {distribution for top in tops for distribution in of.get(top, [top])}
    names |= {behind for top in tops for behind in BEHIND.get(top, ())}
    return {name: _version(name) for name in sorted(names)}


def _imports(name: str, path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports; `from package import x` is package.x where that is a module."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise ImportError(f"{path}: line {node.lineno}: a relative import; the house names modules in full")
            module = str(node.module)
            ours = module.split(".")[0] == name.split(".")[0]
            below = [f"{module}.{alias.name}" for alias in node.names] if ours else []
            modules = [one for one in below if _is_module(one)]
            yield from modules
            if len(modules) < len(node.names):
                yield module


def _is_module(name: str) -> bool:
    parent, _, last = name.rpartition(".")
    package, there = _file(parent), (f"{last}.py", f"{last}/__init__.py")
    return package.name == "__init__.py" and any((package.parent / file).is_file() for file in there)


@cache
def _file(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.origin:
        raise ImportError(f"{name}: no such module, or one without a source file")
    return Path(spec.origin)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _meaning(path: Path) -> str:
    """A file's syntax tree without docstrings; a tree has no comments anyway."""
    tree = _tree(path)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    return ast.dump(tree)


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    return {top: sorted(set(names)) for top, names in packages_distributions().items()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return str(getattr(sys.modules.get(name), "__version__", "unknown"))
