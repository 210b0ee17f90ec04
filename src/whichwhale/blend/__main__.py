"""`python -m whichwhale.blend`: take in somebody else's predictions as a member; score members on what they left out."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from scipy.special import softmax

from whichwhale.blend.answers import out_of_fold_answers, test_answers
from whichwhale.blend.blended import truth_of
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.outside import take_in
from whichwhale.blend.pool import mix_floor
from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import ConfigError, load, runs_dir
from whichwhale.files import write_json
from whichwhale.score import log_loss, read_truth, top_k
from whichwhale.score.options import add_options, how
from whichwhale.score.text import judge

EXAMPLE = """examples:
  python -m whichwhale.blend import oof.csv submission.csv.gz --dataset right_whale_heads --name theirs
  python -m whichwhale.blend import fold0.npz fold1.npz fold2.npz all.npz --dataset right_whale_heads --name theirs
  python ensemble.py configs/right_whale_heads/ensemble.yaml members=[lite0_160,theirs]
  python -m whichwhale.blend score runs/right_whale_heads/lite0_160 runs/right_whale_heads/ensemble
  python -m whichwhale.blend score runs/survey/passports --truth input/survey/truth/solution.csv

oof.csv: Image and one column a whale, or Image,whale,p; probabilities of labelled photos by models that did not learn from them.
key=value at the end says how the data set lies, as ensemble.py takes it: data.root=elsewhere data.skip_bad=true
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0, or 2 after one message on stderr."""
    form = argparse.RawDescriptionHelpFormatter
    parser = parser_of("python -m whichwhale.blend", __doc__, EXAMPLE)
    commands = parser.add_subparsers(dest="command", required=True)
    taking = commands.add_parser("import", help="somebody's predictions become a member", epilog=EXAMPLE, formatter_class=form)
    taking.add_argument("files", nargs="+", metavar="FILE", help="CSV (gz) of out-of-fold or test rows, or predictions.npz")
    taking.add_argument("--dataset", required=True, help="folder below runs/, as ensemble.py's key")
    taking.add_argument("--name", required=True, help="of the member: runs/<dataset>/<name>/")
    taking.add_argument("--replace", action="store_true", help="take in anew what was taken in under this name")
    taking.set_defaults(run=_import)
    scoring = commands.add_parser("score", help="members on the same photos, in pairs", epilog=EXAMPLE, formatter_class=form)
    scoring.add_argument("models", nargs="+", metavar="MODEL", help="folder of a model, or of a blend, below runs/<dataset>/")
    scoring.add_argument(
        "--truth", metavar="CSV", help="Image,whaleID of test photos: the test rows; otherwise the out-of-fold rows are scored"
    )
    add_options(scoring)
    scoring.set_defaults(run=_score)
    options = parser.parse_args(arguments)
    return carried_out(options.run, options)


def _config(dataset: str, names: Sequence[str], overrides: Sequence[str]) -> EnsembleConfig:
    fixed = [f"dataset={json.dumps(dataset)}", f"members={json.dumps(list(names))}", "name=.none"]
    return load(EnsembleConfig, None, [*fixed, *overrides])


def _parted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names, and what is meant as key=value."""
    overrides = [word for word in words if "=" in word and not Path(word).exists()]
    names = [word for word in words if word not in overrides]
    if not names:
        raise ConfigError(f"{overrides[0]}: names no file; give one before key=value")
    return names, overrides


def _import(options: argparse.Namespace) -> None:
    files, overrides = _parted(options.files)
    config = _config(options.dataset, [options.name], overrides)
    done = take_in([Path(path) for path in files], config, options.name, options.replace)
    p, truth = mix_floor(softmax(done.member.z, axis=1), config.floor), truth_of(done.member.images, config.competition())
    top_1, top_5 = (top_k(p, truth, k) for k in (1, 5))
    print("\n".join(done.told))
    print(f"out of fold: log loss {log_loss(p, truth):.4f}, top-1 {top_1:.1%}, top-5 {top_5:.1%}")
    print(f"wrote {config.runs / options.name}; `python ensemble.py CONFIG members=[..., {options.name}]` blends it")


def _score(options: argparse.Namespace) -> None:
    folders, overrides = _parted(options.models)
    paths = [Path(os.path.abspath(folder)) for folder in dict.fromkeys(folders)]  # not resolved: a model may be a link
    if missing := [path for path in paths if not path.is_dir()]:
        raise ConfigError(f"{missing[0]}: no such folder; name models as runs/<dataset>/<name>")
    homes = {path.parent for path in paths}
    if len(homes) > 1 or homes.pop().parent.resolve() != runs_dir().resolve():
        raise ConfigError(f"{', '.join(map(str, paths))}: must all lie in one {runs_dir()}/<dataset> (WHICHWHALE_RUNS moves it)")
    config = _config(paths[0].parent.name, [path.name for path in paths], overrides)
    tables = config.competition()
    answers = test_answers(paths, tables, config) if options.truth else out_of_fold_answers(paths, tables, config)
    train = dict(zip(tables.train["Image"].tolist(), tables.train["whaleID"].tolist(), strict=True))
    truth = read_truth(options.truth) if options.truth else train
    shared = set.intersection(*(set(one.image) for one in answers.values())) & truth.keys()
    if not shared:
        raise ConfigError(f"{', '.join(answers)}: no photo that all of them answer is in {options.truth or 'the training table'}")
    told = how(options) | {"counted": "training photos" if options.truth else "labelled photos"}  # of a fit's own, fewer
    text, numbers = judge(answers, {image: truth[image] for image in sorted(shared)}, train=train, partial=True, **told)
    print(f"{'Test' if options.truth else 'Out-of-fold'} rows of {config.dataset}, {len(shared)} photos that all have\n\n{text}")
    if options.json:
        write_json(options.json, numbers)


if __name__ == "__main__":
    sys.exit(main())
