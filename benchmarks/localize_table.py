"""The localizer benchmark's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from localize_rows import ALIGNER, LOCALIZER
from markdown_table import markdown_table


def as_text(results: Sequence[dict[str, Any]], elsewhere: str | None = None) -> str:
    """The tables in Markdown, as the README can quote them; `elsewhere`: what photos the last one is of, if not the moved
    survey's."""
    if not results:
        return "nothing is fitted yet"
    true = next((one for one in results if one["kind"] == "classifier"), None)
    rows = []
    for one in results:
        minutes = f"{one['minutes']:.1f}" if one.get("minutes") is not None else ""
        if one["kind"] == "classifier":
            rows.append(["true points", *[""] * 8, f"{one['log_loss']:.3f}", "", "", minutes, ""])
            continue
        share = f"{one['log_loss'] / true['log_loss'] - 1:+.1%}" if true else ""
        own = f"{100 * one['own']['error_50']:.1f}" if one.get("own") else ""
        rows.append([one["title"], *_found(one), f"{one['log_loss']:.3f}", share, f"{one['ms']:.0f}", minutes, own])
    figures = ["median", "95 %", "99 %", "flips", "lost", "both in box", "IoU", "out of field"]
    lines = markdown_table(["row", *figures, "log loss", "of true", "ms", "min", "own median"], rows)
    told = f"{results[0]['photos']} held-out photos; errors in % of d"
    lines += ["", f"{told}. Localizers are followed by {ALIGNER}, aligners follow {LOCALIZER}."]
    if doubting := [one for one in results if "rank" in one]:
        rows = []
        for one in doubting:
            by = {part["coverage"]: part["mean_error"] for part in one["curve"]}
            errors_of = [
                f"{100 * value:.2f}" for value in (one["area"], one["area_at_best"], *(by[part] for part in (1.0, 0.9, 0.8, 0.5)))
            ]
            rows.append([one["title"], _rank(one["rank"]), _rank(one["rank_of_views"]), _share(one.get("within")), *errors_of])
        surest = ["mean error", "surest 90 %", "80 %", "50 %"]
        lines += [
            "",
            *markdown_table(
                ["row", "rank correlation", "of the views alone", "within the 95 % circle", "area", "at best", *surest], rows
            ),
        ]
    if moved := [one for one in results if "moved" in one]:
        rows = []
        for one in moved:
            other = one["moved"]
            rows.append([one["title"], *_found(other), _rank(other.get("rank")), _share(other.get("within"))])
        what = f"{moved[0]['moved']['photos']} photos of {elsewhere}" if elsewhere else "Another width, colour and head size"
        doubt = ("rank correlation", "within the 95 % circle")
        lines += ["", f"{what}:", "", *markdown_table(["row", *figures, *doubt], rows)]
    return "\n".join(lines)


def _rank(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _found(one: dict[str, Any]) -> list[str]:
    """A row's cells on points and boxes, as `figures` names them."""
    errors = [f"{100 * one[f'error_{p}']:.1f}" for p in (50, 95, 99)]
    shares = [f"{one[share]:.1%}" for share in ("swapped", "lost", "inside", "out_of_field")]
    return [*errors, *shares[:3], f"{one['iou']:.3f}", shares[3]]
