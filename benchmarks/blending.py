"""What is each way to blend and to calibrate worth, against the 2016 winners' recipe on the same members?

examples:
  python benchmarks/blending.py configs/right_whale_heads/ensemble.yaml
  python benchmarks/blending.py configs/survey/ensemble.yaml dataset=benchmark members=[classifier-0,embedding-0] \\
      --truth input/benchmark/truth/solution.csv
  python benchmarks/blending.py configs/survey/ensemble.yaml dataset=benchmark members=[classifier-0,embedding-0] \\
      --also classifier-1,embedding-1 --also classifier-2,embedding-2
  python benchmarks/blending.py configs/right_whale_heads/ensemble.yaml --only log_linear log_linear+prior trees

All rows are out-of-fold and every recipe is fitted without the fifth of the photos that it answers (blend/nested.py): log loss is
the mean over three partitions of the photos, all else is of the first. Gain: log loss against the winners' recipe, 95 % paired
bootstrap over photos; where neighbours are members, that recipe without them stands beside it. Gain of its step: what the last
step brings, such as a fitted power, weights in place of equal ones, a prior corrected, or a stack over the pool that it re-ranks.
Calibration error: first guess, debiased, with its interval; beside it the plain ECE and what a perfect predictor with the same
claims would show of it. `auto`: chosen anew without each fifth, the score of the choice itself. Below it the ladder that
`choose: auto` climbs, with what each step gains over the best so far. With --truth the test rows as well, of recipes fitted on
all out-of-fold rows, at power 1, at the config's `test_power`, and at the power that their truth asks for. With --also the
whole is measured again on the same models from other seeds: mean and standard deviation of each gain over the seeds, which is how
far models that are fitted anew move it; a gain above twice that pays. Members must be fitted and predicted; goes to
runs/DATASET/blending-NAME.json, NAME being the ensemble's (of other seeds NAME-seed2, ...), and the reliability diagrams of the
winners' recipe, the pool and `auto` to blending-NAME.html beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from known_answers import known_answers
from markdown_table import markdown_table
from numpy.typing import NDArray
from scipy.special import softmax
from test_power import best_power

from whichwhale.blend.assemble import Member, assemble
from whichwhale.blend.blended import evidence_of, truth_of
from whichwhale.blend.choice import trial_lines
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.cosines import cosines_of_test
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.neighbours import SUFFIX, source_of, write_neighbours_of
from whichwhale.blend.nested import SPREADS, Nested, nested
from whichwhale.blend.pool import mix_floor
from whichwhale.blend.recipes import LADDER, fit, parse
from whichwhale.blend.rows import rows_of_test, rows_out_of_fold
from whichwhale.blend.uncertainty import uncertainty
from whichwhale.command_line import add_config, carried_out, parsed, parser_of
from whichwhale.competition import Competition
from whichwhale.config import load
from whichwhale.files import write_json, write_text
from whichwhale.report import page
from whichwhale.report.charts import reliability
from whichwhale.score import (
    Calibration,
    Reliability,
    log_loss_rows,
    mean_interval,
    paired_bootstrap,
    rank_of_truth,
    reliability_curve,
)

BASELINE, ALONE, RAW = "winners", "one power", "as predicted"
ROWS = (
    BASELINE,
    "arithmetic",
    "arithmetic+power",
    "mixture",
    "mixture+power",
    "mixture+power+prior",
    *(name for name in LADDER if name.startswith(("equal", "log_linear"))),
    "log_linear+isotonic",
    "logit",
    "trees",
)
DRAWN = (BASELINE, "log_linear", "auto")  # whose reliability diagrams are drawn
Floats = NDArray[np.floating]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 it can't be carried out."""
    parser = parser_of("benchmarks/blending.py", __doc__)
    add_config(parser, "an ensemble's YAML, whose members are fitted and predicted", "as ensemble.py takes them")
    parser.add_argument("--truth", type=Path, help="CSV of the test photos' whales (Image,whaleID), where they are known")
    parser.add_argument("--only", nargs="+", metavar="RECIPE", default=list(ROWS), help="these ways to blend, and the winners'")
    parser.add_argument("--partitions", type=int, default=3, help="of the photos (default 3)")
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="MEMBER,MEMBER",
        help="the same models from another seed; as often as there are",
    )
    return carried_out(benchmark, parsed(parser, arguments, "override"), by="benchmarks/blending.py")


def benchmark(options: argparse.Namespace) -> None:
    """Measure and print. Raises ValueError."""
    if options.partitions < 1:
        raise ValueError(f"--partitions {options.partitions}: at least 1")
    for name in options.only:
        parse(name)
    names = list(dict.fromkeys([BASELINE, *options.only]))
    config = load(EnsembleConfig, options.config, options.override)
    configs = [config, *_other_seeds(config, options.also)]
    results = measure(config, names, options.partitions, options.truth)
    if options.also:
        of = [results, *(measure(one, names, options.partitions) for one in configs[1:])]
        results |= {"seeds": [one["members"] for one in of], "over_seeds": over_seeds(of)}
        write_json(config.runs / f"blending-{config.name}.json", results)
    print(as_text(results))


def _other_seeds(config: EnsembleConfig, also: Sequence[str]) -> list[EnsembleConfig]:
    """The blend of other members, each with a name of its own. Raises ValueError: too few or many, or models named before."""
    found, named = [], list(config.members)
    for number, text in enumerate(also, 2):
        members = text.split(",")
        if len(members) != len(config.members):
            raise ValueError(
                f"--also {text}: {len(members)} members where the config has {len(config.members)}; name one for each"
            )
        if again := [name for name in members if name in named]:
            raise ValueError(f"--also {text}: {again[0]} is named before; seeds must be models of their own")
        named += members
        found.append(
            EnsembleConfig.model_validate(config.model_dump() | {"members": members, "name": f"{config.name}-seed{number}"})
        )
        if missing := [name for name in members if not (config.runs / name).is_dir() and not name.endswith(SUFFIX)]:
            raise ValueError(f"--also {text}: {config.runs / missing[0]}: no such folder; fit the model first")
    return found


def over_seeds(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each way that all seeds have, the winners' aside: its gain over the winners' recipe, and over what it adds a step to."""
    rows, found = [{row["name"]: row for row in one["rows"]} for one in results], []
    for name in rows[0]:
        if name == BASELINE or any(name not in one for one in rows):
            continue
        line: dict[str, Any] = {"name": name, "gain": _over([one[name]["gain"][0] for one in rows])}
        if "step" in rows[0][name]:
            line["step"] = _over([one[name]["step"]["gain"][0] for one in rows])
        if "chosen" in rows[0][name]:
            line["chosen"] = [one[name]["chosen"] for one in rows]
        found.append(line)
    return found


def _over(gains: Sequence[float]) -> dict[str, Any]:
    mean, sd = float(np.mean(gains)), float(np.std(gains, ddof=1))
    return {"mean": mean, "sd": sd, "each": list(gains), "pays": mean > SPREADS * sd}


def measure(config: EnsembleConfig, names: list[str], partitions: int, truth_file: Path | None = None) -> dict[str, Any]:
    """All figures, plain numbers; also written to runs/DATASET/blending-NAME.json."""
    tables, started = config.competition(), time.process_time()
    answers = None if truth_file is None else known_answers(truth_file, tables)
    write_neighbours_of(config.members, config.runs, tables, config.neighbours_scale)
    labelled = tables.train["Image"].tolist()
    members = [assemble(config.runs / name, tables.class_id, labelled, config.test) for name in config.members]
    rows = rows_out_of_fold(members, labelled, config.folds(tables), config.fit_on)
    here = rows.answered
    images = [image for image, there in zip(rows.images, here, strict=True) if there]
    truth, usable = truth_of(images, tables), rows.complete[here]
    known = evidence_of(config, tables, members, rows)
    test = None if answers is None else _asked(config, tables, members, *answers)
    if test is not None and not len(test[1]):
        raise ValueError(f"{', '.join(config.members)}: none of them predicts a photo of {truth_file}; run predict.py")
    read = time.process_time() - started
    how = {"l2": config.l2, "floor": config.floor, "usable": usable}
    alone = {name: nested(known.of_members([name]), truth, images, ["equal"], partitions=1, **how) for name in config.members}
    started = time.process_time()
    done = nested(known, truth, images, names, partitions=partitions, **how)
    seconds = time.process_time() - started
    base = done.loss[0].mean(axis=0)
    lines, said = [], {name: one.p[0] for name, one in alone.items()}
    for name, one in alone.items():
        plain = mix_floor(softmax(known.of_members([name]).z[0], axis=1), config.floor)
        raw = log_loss_rows(plain, truth)
        lines.append(_line(f"{name}, {RAW}", raw, plain, truth, base))
        lines.append(_line(f"{name}, {ALONE}", one.loss[0, 0], one.p[0], truth, base, RAW, raw))
    nets = [name for name in config.members if source_of(config.runs / name) is None]
    if 0 < len(nets) < len(config.members):  # the winners had networks alone
        only = known.of_members(nets)
        p = fit(BASELINE, only, truth, floor=config.floor).probabilities(only)
        lines.append(_line(f"{BASELINE}, without neighbours", log_loss_rows(p, truth), p, truth, base))
    for r, name in enumerate(names):
        before = step_before(name)
        other = done.loss[names.index(before)].mean(axis=0) if before in names else None
        lines.append(_line(name, done.loss[r].mean(axis=0), done.p[r], truth, base, before, other))
        lines[-1]["sd"] = float(done.loss[r].mean(axis=1).std(ddof=1)) if partitions > 1 else 0.0
        said[name] = done.p[r]
    ladder = done.of([name for name in LADDER if name in names])
    results: dict[str, Any] = {
        "dataset": config.dataset,
        "members": config.members,
        "photos": len(truth),
        "usable": int(usable.sum()),
        "whales": len(tables.class_id),
        "read_seconds": read,
        "seconds": seconds,
    }
    if len(ladder.names) > 1:
        name, trials = ladder.choose()
        honest = said["auto"] = ladder.honest()
        lines.append(_line("auto", log_loss_rows(honest, truth), honest, truth, base) | {"chosen": name})
        results |= {"chosen": name, "without_parts": ladder.choices(), "trials": [asdict(one) for one in trials]}
        results["ladder"] = trial_lines(trials)
    results["rows"] = lines
    write_json(config.runs / f"blending-{config.name}.json", results)  # before what may still fail
    drawn = {name: said[name] for name in DRAWN if name in said}
    curves = [(name, reliability_curve(p, truth), p.max(axis=1)) for name, p in drawn.items()]
    write_text(config.runs / f"blending-{config.name}.html", _diagrams(config, curves))
    if test is not None:
        results["test"] = _test(config, tables, known.rows(usable), truth[usable], names, ladder, *test)
        write_json(config.runs / f"blending-{config.name}.json", results)
    return results


def _diagrams(config: EnsembleConfig, curves: Sequence[tuple[str, Reliability, Floats]]) -> str:
    """A page with the curves alone."""
    told = (
        "To the right what first guesses claim, upward how many are right, out-of-fold; bars are 95 % intervals. Below: claims."
    )
    chart = page.figure(reliability(curves, "reliability"), told, "chart")
    shown = page.Section("reliability", "Do its probabilities mean what they say?", chart)
    return page.page(f"Ways to blend {config.dataset}", f"Members: {', '.join(config.members)}.", [shown], "")


def step_before(name: str) -> str:
    """What recipe `name` adds a step to: `log_linear+prior` to `log_linear`, that to `equal`, a stack to its pool; or ''."""
    pool, _, last = name.rpartition("+")
    if pool:
        return pool
    return {"log_linear": "equal", "mixture": "arithmetic", "logit": "log_linear", "trees": "log_linear"}.get(last, "")


def _line(
    name: str,
    losses: Floats,
    p: Floats,
    truth: NDArray[np.int64],
    base: Floats,
    before: str = "",
    others: Floats | None = None,
) -> dict[str, Any]:
    rank, interval = rank_of_truth(p, truth), mean_interval(losses, seed=0, draws=2000)
    gain, off = paired_bootstrap(base, losses, seed=0, draws=2000), Calibration.of(p, truth)
    step = {}
    if others is not None:
        own = paired_bootstrap(others, losses, seed=0, draws=2000)
        step = {"step": {"over": before, "gain": [own.mean, own.low, own.high]}}
    return step | {
        "name": name,
        "log_loss": interval.mean,
        "interval": [interval.low, interval.high],
        "gain": [gain.mean, gain.low, gain.high],
        "lower_by": gain.mean / float(base.mean()),
        "top_1": float((rank < 1).mean()),
        "top_5": float((rank < 5).mean()),
        "calibration": [off.error.mean, off.error.low, off.error.high],
        "plain_ece": off.plain,
        "perfect_ece": off.perfect,
    }


def _asked(
    config: EnsembleConfig, tables: Competition, members: Sequence[Member], photos: Sequence[str], columns: NDArray[np.int64]
) -> tuple[Evidence, NDArray[np.int64]]:
    """What is known of those test photos that some member predicts, and their true columns."""
    z, by = rows_of_test(members, photos)
    unsure, cosines = uncertainty(config.runs, config.members, photos), cosines_of_test(members, photos)
    evidence = Evidence.of(config.members, tables.class_id, z, tables.prior(), unsure, cosines)
    return evidence.rows(by > 0), columns[by > 0]


def _test(
    config: EnsembleConfig,
    tables: Competition,
    learned: Evidence,
    truth: NDArray[np.int64],
    names: Sequence[str],
    ladder: Nested,
    asked: Evidence,
    right: NDArray[np.int64],
) -> list[dict[str, Any]]:
    """Recipes fitted on the rows `learned`, on the test photos `asked`."""
    found: list[dict[str, Any]] = []
    base: dict[str, Floats] = {}
    auto = {"auto": ladder.choose()[0]} if len(ladder.names) > 1 else {}
    for name, recipe in ({name: name for name in names} | auto).items():
        fitted = fit(recipe, learned, truth, config.l2, config.floor, tables.prior())
        line: dict[str, Any] = {"name": name, "photos": len(right)}
        best = best_power(fitted.log_p(asked).astype(np.float64), right)
        for key, power in (("power_1", 1.0), ("best", best), ("test_power", config.test_power)):
            p = fitted.probabilities(asked, power)
            losses = log_loss_rows(p, right)
            gain = paired_bootstrap(base.setdefault(key, losses), losses, seed=0, draws=2000)
            line[key] = {"power": power, "log_loss": float(losses.mean()), "gain": [gain.mean, gain.low, gain.high]}
        rank = rank_of_truth(p, right)
        found.append(line | {"top_1": float((rank < 1).mean()), "top_5": float((rank < 5).mean())})
    return found


def as_text(results: dict[str, Any]) -> str:
    """The tables in Markdown."""
    head = ["", "log loss (95 %)", "sd", "gain on the winners' (95 %)", "lower by", "gain of its step (95 %)", "top-1", "top-5"]
    head += ["calibration error (95 %)", "ECE (perfect)"]
    rows = []
    for row in results["rows"]:
        off = row["calibration"]
        cells = [
            row["name"] + (f" ({row['chosen']})" if "chosen" in row else ""),
            f"{row['log_loss']:.3f} ({row['interval'][0]:.3f} to {row['interval'][1]:.3f})",
            f"{row['sd']:.3f}" if "sd" in row else "",
            _gain(row["gain"]),
            f"{row['lower_by']:.1%}",
            _gain(row["step"]["gain"]) if "step" in row else "",
            f"{row['top_1']:.1%}",
            f"{row['top_5']:.1%}",
            f"{off[0]:.1%} ({off[1]:.1%} to {off[2]:.1%})",
            f"{row['plain_ece']:.1%} ({row['perfect_ece']:.1%})",
        ]
        rows.append(cells)
    told = f"{results['photos']} out-of-fold photos, {results['whales']} whales, members {', '.join(results['members'])}"
    lines = [*markdown_table(head, rows), "", f"{told}; {results['seconds']:.0f} s of one core to fit and choose."]
    least, most = (end(row["perfect_ece"] for row in results["rows"]) for end in (min, max))
    lines.append(
        f"On {results['photos']} photos a perfect predictor with these claims still shows a plain ECE of {least:.1%} to "
        f"{most:.1%}, which the debiased error takes off."
    )
    if "ladder" in results:
        lines += ["", "The ladder (gain over the best so far; in each partition):", *results["ladder"]]
        lines.append(f"Chosen: {results['chosen']}; without each part: {', '.join(results['without_parts'])}")
    if "over_seeds" in results:
        head = [f"over {len(results['seeds'])} seeds", "gain on the winners' (sd)", "", "gain of its step (sd)", ""]
        rows = []
        for row in results["over_seeds"]:
            cells = [row["name"] + (f" ({', '.join(row['chosen'])})" if "chosen" in row else "")]
            for one in (row["gain"], row.get("step")):
                said = "" if one is None else "pays" if one["pays"] else "in doubt"
                cells += ["" if one is None else f"{one['mean']:+.3f} ({one['sd']:.3f})", said]
            rows.append(cells)
        lines += ["", *markdown_table(head, rows)]
    if "test" in results:
        powers, rows = ("power_1", "test_power"), []
        for row in results["test"]:
            cells = [cell for key in powers for cell in (f"{row[key]['log_loss']:.3f}", _gain(row[key]["gain"]))]
            cells += [f"{row['best']['power']:.2f}", f"{row['best']['log_loss']:.3f}"]
            shares = [f"{row[key]:.1%}" for key in ("top_1", "top_5")]
            rows.append([row["name"], *cells, *shares])
        head = ["test photos", "power 1", "gain (95 %)", "test_power", "gain (95 %)", "best power", "then", "top-1", "top-5"]
        lines += ["", *markdown_table(head, rows)]
    return "\n".join(lines)


def _gain(gain: Sequence[float]) -> str:
    return f"{gain[0]:+.3f} ({gain[1]:+.3f} to {gain[2]:+.3f})"


if __name__ == "__main__":
    sys.exit(main())
