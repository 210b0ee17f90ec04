"""`python -m whichwhale.report CONFIG [key=value …]`: one self-contained HTML page on a blend, its members and their mistakes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from whichwhale.blend.config import EnsembleConfig
from whichwhale.command_line import add_config, carried_out, parsed, parser_of
from whichwhale.config import load
from whichwhale.files import write_text
from whichwhale.report import page
from whichwhale.report.calibrated import calibrated
from whichwhale.report.curves import curves
from whichwhale.report.located import located
from whichwhale.report.mistakes import mistakes
from whichwhale.report.origin import origin
from whichwhale.report.results import results
from whichwhale.report.sources import Sources
from whichwhale.report.whale import whale
from whichwhale.score import read_truth

EXAMPLE = """examples:
  python -m whichwhale.report configs/right_whale_heads/ensemble.yaml
  python -m whichwhale.report configs/right_whale_heads/ensemble.yaml --whale whale_48024 --out /tmp/heads.html"""
GLOSSARY = (
    "Passport: a head turned, scaled and moved so that bonnet tip and blowhole always lie at the same two places. Fold: a part "
    "of the labelled photos; each fold model learns from all the others. Held out: not learned from. Logit: a whale's score "
    "before scores are turned into probabilities. Embedding: a photo as a point on a sphere, where photos of one whale lie "
    "close together."
)


def report(sources: Sources, name: str | None = None) -> str:
    """The whole page as HTML. `name`: the whale whose passports are shown, else the one with most photos."""
    sections = [
        page.section("results", "How well does it know them?", lambda: results(sources)),
        page.section("photos", "Where is the head?", lambda: located(sources)),
        page.section("passports", "One whale's passports", lambda: whale(sources, name)),
        page.section("curves", "Learning curves", lambda: curves(sources)),
        page.section("reliability", "Do its probabilities mean what they say?", lambda: calibrated(sources)),
        page.section("mistakes", "Worst mistakes", lambda: mistakes(sources)),
        page.section("origin", "Where it comes from", lambda: origin(sources)),
    ]
    config = sources.config
    lead = f"Which whale is in the photo? What {', '.join(config.members)} and their blend answer, and where they err."
    return page.page(config.dataset.replace("_", " ").capitalize(), lead, sections, page.paragraph(GLOSSARY))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0, or 2 after one message on stderr."""
    parser = parser_of("python -m whichwhale.report", __doc__, EXAMPLE)
    add_config(parser, "the ensemble's YAML", "say otherwise than the config, e.g. members=[lite0_160]")
    parser.add_argument("--out", type=Path, metavar="HTML", help="file to write (default runs/<dataset>/report.html)")
    parser.add_argument("--truth", type=Path, metavar="CSV", help="Image,whaleID of test photos: scores them as well")
    parser.add_argument("--whale", metavar="NAME", help="whose passports to show (default: the whale with most photos)")
    return carried_out(run, parsed(parser, arguments, "override"))


def run(options: argparse.Namespace) -> None:
    """Write the page. Raises ValueError, OSError."""
    config = load(EnsembleConfig, options.config, options.override)
    truth = read_truth(options.truth) if options.truth else None
    path = options.out or config.runs / "report.html"
    html = report(Sources(config, truth), options.whale)
    write_text(path, html)
    print(f"{path}: {len(html.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
