"""Imports go down, as docs/architecture.md has it: no circles, no room above its own, nothing that a file keeps to itself."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "whichwhale"
FILES = {
    ".".join(["whichwhale", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}
FOUNDATIONS = {
    "checkout": set(),
    "command_line": set(),
    "config": set(),
    "conv_stack": set(),
    "files": set(),
    "geometry": set(),
    "kept_norms": set(),
    "text_table": set(),
    "augment": {"config", "geometry"},
    "weights": {"config", "conv_stack"},
    "nets": {"config", "conv_stack", "kept_norms", "weights"},
    "annotations": {"command_line", "files"},
    "predictions": {"files"},
    "score": {"command_line", "files", "predictions", "text_table"},
}
# What a room stands on beside the foundations.
ROOMS = {
    "competition": set(),
    "fit": set(),
    "runs": set(),
    "survey": set(),
    "passport": {"competition"},
    "pictures": {"competition", "fit"},
    "blend": {"competition"},
    "identify": {"competition", "fit", "passport", "runs"},
    "detect": {"competition", "fit", "pictures", "runs"},
    "localize": {"competition", "detect", "fit", "pictures", "runs"},
    "report": {"blend", "competition", "passport", "runs"},
    "embedder": {"fit", "identify", "passport"},
    "identifier": {"blend", "competition", "embedder", "identify", "localize", "passport"},
    "catalogue": {"competition", "identifier", "runs"},
    "": {"identifier"},
}
# A command line may ask where its room may not: the photos' sizes.
ALSO = {("whichwhale.annotations.__main__", "competition")}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of all that a file imports of the house, also within functions, and for type checkers alone."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "whichwhale")
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "whichwhale":
            yield from ((node.module, alias.name) for alias in node.names)
        waiting += ast.iter_child_nodes(node)


def file_of(module: str, name: str) -> str:
    """The file that an import reads: a name may be a module of its own."""
    return f"{module}.{name}" if f"{module}.{name}" in FILES else module


def room_of(file: str) -> str:
    return (file.split(".") + [""])[1]


@pytest.mark.parametrize("file", FILES)
def test_a_file_stands_on_lower_rooms_alone(file: str) -> None:
    room = room_of(file)
    allowed = FOUNDATIONS.get(room, FOUNDATIONS.keys() | ROOMS.get(room, set())) | {room}
    found = {room_of(file_of(*one)) for one in imports(FILES[file])}
    assert found - {to for of, to in ALSO if of == file} <= allowed


def test_no_room_stands_on_itself_by_way_of_others() -> None:
    order = list(TopologicalSorter(FOUNDATIONS | ROOMS).static_order())  # raises CycleError with the circle
    assert sorted(order) == sorted({room_of(file) for file in FILES})


def test_no_two_files_import_each_other() -> None:
    graph = {file: {file_of(*one) for one in imports(path)} - {file} for file, path in FILES.items()}
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError with the circle


@pytest.mark.parametrize("file", FILES)
def test_nobody_takes_what_another_file_keeps_to_itself(file: str) -> None:
    taken = [(module, name) for module, name in imports(FILES[file]) if name.startswith("_") or module.endswith("__main__")]
    assert taken == []


def test_the_map_has_every_room() -> None:
    told = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    names = {path.name + "/" if path.is_dir() else path.name for path in SOURCE.iterdir() if not path.name.startswith("__")}
    assert [name for name in sorted(names) if f"`{name}`" not in told] == []
