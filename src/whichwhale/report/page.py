"""The page: sections, tables and figures as HTML. Functions escape the plain text they take; what is named `html` is HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from whichwhale.report.sources import Absent


@dataclass(frozen=True)
class Section:
    """A section of the page: its anchor, its title, and its content as HTML."""

    anchor: str
    title: str
    html: str


def section(anchor: str, title: str, make: Callable[[], str]) -> Section:
    """The section that `make` writes, or one sentence that says why it is left out."""
    try:
        return Section(anchor, title, make())
    except Absent as absent:
        return Section(anchor, title, f'<p class="absent"><strong>Left out.</strong> {escape(str(absent))}</p>')


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; `kind`: its CSS class."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    """A heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1, strong: Sequence[int] = ()) -> str:
    """A table of plain text. The first cell of a row names it; columns from `words` on are numbers, set to the right."""

    def kind(column: int) -> str:
        return ' class="number"' if column >= words else ""

    top = "".join(f'<th scope="col"{kind(i)}>{escape(cell)}</th>' for i, cell in enumerate(head))
    lines = []
    for number, row in enumerate(rows):
        cells = "".join(f"<td{kind(i)}>{escape(cell)}</td>" for i, cell in enumerate(row) if i)
        mark = ' class="strong"' if number in strong else ""
        lines.append(f'<tr{mark}><th scope="row">{escape(row[0])}</th>{cells}</tr>')
    inside = f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">{inside}</div>'


def figure(html: str, caption: str, kind: str = "", strong: str = "") -> str:
    """`html` (an image, which says its own alternative text) over a caption, whose first words may be `strong`."""
    first = f"<b>{escape(strong)}</b> " if strong else ""
    return f'<figure class="{kind}">{html}<figcaption>{first}{escape(caption)}</figcaption></figure>'


def blank(why: str) -> str:
    """In place of a picture."""
    return f'<div class="blank">{escape(why)}</div>'


def image(uri: str, alternative: str, size: tuple[int, int]) -> str:
    """A picture of `size` (width, height) px; `alternative` tells what it shows to who can't see it."""
    return f'<img src="{uri}" alt="{escape(alternative)}" width="{size[0]}" height="{size[1]}">'


def details(summary: str, html: str) -> str:
    """HTML that is folded up under one line of plain text."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def code(text: str) -> str:
    """Text as it is, line by line, that can be scrolled with the keyboard."""
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'


def tiles(entries: Sequence[tuple[str, str, str]]) -> str:
    """Large figures: (figure, what it is, remark)."""
    parts = (
        f'<div class="tile"><dt>{escape(what)}</dt><dd><b>{escape(value)}</b><span>{escape(remark)}</span></dd></div>'
        for value, what, remark in entries
    )
    return f'<dl class="tiles">{"".join(parts)}</dl>'


def page(title: str, lead: str, sections: Sequence[Section], foot: str) -> str:
    """The whole document, in one file without anything to fetch."""
    style = files("whichwhale.report").joinpath("style.css").read_text(encoding="utf-8")
    contents = "".join(f'<li><a href="#{one.anchor}">{escape(one.title)}</a></li>' for one in sections)
    body = "\n".join(
        f'<section id="{one.anchor}" aria-labelledby="{one.anchor}-title"><h2 id="{one.anchor}-title">{escape(one.title)}</h2>'
        f"{one.html}</section>"
        for one in sections
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#{sections[0].anchor}">Skip to the results</a>
<header><p class="mark">whichwhale</p><h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>
<nav aria-label="Contents"><ol>{contents}</ol></nav></header>
<main>
{body}
</main>
<footer>{foot}</footer>
</body>
</html>
"""
