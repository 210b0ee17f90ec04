"""`python -m whichwhale.score`: what predictions are worth, which of two models is better, whether a submission is valid."""

import argparse
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from whichwhale.command_line import carried_out, parser_of
from whichwhale.files import write_json
from whichwhale.score import lists, submission, top5
from whichwhale.score.answers import read_answers
from whichwhale.score.evaluation import read_truth
from whichwhale.score.options import add_options, how
from whichwhale.score.ranking import NEW_WHALE
from whichwhale.score.text import judge

EXAMPLE = """example:
  python -m whichwhale.score submission.csv.gz --sample input/right_whale/sample_submission.csv
  python -m whichwhale.score submission.csv.gz --truth solution.csv --train input/right_whale/train.csv
  python -m whichwhale.score ours.csv.gz theirs.csv runs/survey/passports/foldall/predictions.npz --truth solution.csv
  python -m whichwhale.score ours.csv.gz --truth solution.csv --quality runs/survey/aligner/annotations.csv --worst 20

Folders of models, all their fits together, out of fold or on test photos: python -m whichwhale.blend score --help
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0, or 2 after one message on stderr."""
    parser = parser_of("python -m whichwhale.score", __doc__, EXAMPLE)
    parser.add_argument(
        "predictions", metavar="PREDICTIONS", nargs="+",
        help="submission (.csv, .csv.gz; one column a whale, or Image,Id) or predictions.npz; of several each pair is compared",
    )  # fmt: skip
    parser.add_argument("--sample", metavar="CSV", help="sample_submission.csv: check submissions against it")
    parser.add_argument("--truth", metavar="CSV", help="Image,whaleID of the photos to score")
    parser.add_argument("--train", metavar="CSV", help="Image,whaleID of the training photos: scores by their number as well")
    parser.add_argument("--partial", action="store_true", help="leave out photos of the truth that a file lacks, and count them")
    add_options(parser)
    options = parser.parse_args(arguments)
    if not options.sample and not options.truth:
        parser.error("nothing to do: give --truth to score, --sample to check, or both")
    return carried_out(run, options)


def run(options: argparse.Namespace) -> None:
    """Check, then score. Raises ValueError."""
    paths = list(dict.fromkeys(options.predictions))
    if folders := [path for path in paths if Path(path).is_dir()]:
        door = f"python -m whichwhale.blend score {' '.join(folders)}"
        raise ValueError(f"{folders[0]}: is a folder; the fits in it are put together and scored by `{door}`")
    listed = [path for path in paths if not path.endswith(".npz") and top5.is_top5(path)]
    if options.sample:
        for path in paths:
            if not path.endswith(".npz"):
                (top5 if path in listed else submission).validate(path, options.sample)
                print(f"{path}: a valid submission for {options.sample}")
    if not options.truth:
        return
    train, truth = read_truth(options.train) if options.train else None, read_truth(options.truth)
    told = how(options)
    models = {path: read_answers(path) for path in paths if path not in listed}
    text, numbers = judge(models, truth, train=train, partial=options.partial, **told)
    known = set(train.values()) if train else {name for answers in models.values() for name in answers.class_id} or None
    fives = {path: top5.read(path) for path in listed}
    for path, table in fives.items():
        if known is None and NEW_WHALE not in truth.values() and any(NEW_WHALE in guesses for guesses in table.guesses):
            raise ValueError(
                f"{path}: names {NEW_WHALE}, and nothing says which whales are known; give the training table (--train), or a "
                f"truth whose strangers are called {NEW_WHALE}"
            )
    places = {path: lists.Places.of(table, truth, known, options.partial) for path, table in fives.items()}
    for path, one in places.items():
        numbers["scores"][path] = lists.numbers(one, truth, train, options.seed)
        of = "the training photos" if train else "the other files"
        who = "" if known is None else f"; whales that {of} do not show are {NEW_WHALE}"
        text = "\n\n".join(filter(None, [text, f"{path}\n{lists.text(numbers['scores'][path], who)}"]))
    # a table of probabilities stands beside lists by the lists that it comes to
    tables = models if listed else {}
    places |= {
        path: lists.Places.of(lists.lists_of(answers, options.new_whale), truth, known, options.partial)
        for path, answers in tables.items()
    }
    for ours, theirs in combinations([path for path in paths if path in places], 2):
        if ours in listed or theirs in listed:
            found = lists.compare(places[ours], places[theirs], options.seed)
            numbers["pairs"].append({"ours": ours, "theirs": theirs} | found)
            text += f"\n\n{lists.comparison(ours, theirs, found)}"
    print(text)
    if options.json:
        write_json(options.json, numbers)


if __name__ == "__main__":
    sys.exit(main())
