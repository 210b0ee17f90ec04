"""`python -m whichwhale.score`: what predictions are worth, which of two models is better, whether a submission is valid."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from whichwhale.command_line import carried_out, parser_of
from whichwhale.files import write_json
from whichwhale.score import submission, top5
from whichwhale.score.answers import read_answers
from whichwhale.score.evaluation import read_truth
from whichwhale.score.options import add_options, how
from whichwhale.score.ranking import NEW_WHALE, map_at_5
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
    lists = [path for path in paths if not path.endswith(".npz") and top5.is_top5(path)]
    if options.sample:
        for path in paths:
            if not path.endswith(".npz"):
                (top5 if path in lists else submission).validate(path, options.sample)
                print(f"{path}: a valid submission for {options.sample}")
    if not options.truth:
        return
    train, truth = read_truth(options.train) if options.train else None, read_truth(options.truth)
    told = how(options)
    models = {path: read_answers(path) for path in paths if path not in lists}
    text, numbers = judge(models, truth, train=train, partial=options.partial, **told)
    for path in lists:
        known = set(train.values()) if train else {name for answers in models.values() for name in answers.class_id} or None
        score, scored = lists_score(top5.read(path), truth, known, options.partial)
        numbers["scores"][path] = {"photos": scored, "map_at_5": score}
        of = "the training photos" if train else "the other files"
        who = "" if known is None else f"; whales that {of} do not show are {NEW_WHALE}"
        text = "\n\n".join(filter(None, [text, f"{path}\nMAP@5            {score:.4f} over {scored} photos{who}"]))
    print(text)
    if options.json:
        write_json(options.json, numbers)


def lists_score(table: top5.TopFive, truth: Mapping[str, str], known: set[str] | None, partial: bool) -> tuple[float, int]:
    """MAP@5 of lists of guesses, and of how many photos; whales not among `known` are `new_whale`.

    Raises ValueError if a photo of the truth is missing (unless `partial`), or all are.
    """
    guesses = dict(zip(table.image, table.guesses, strict=True))
    missing = sorted(truth.keys() - guesses.keys())
    scored = sorted(truth.keys() & guesses.keys())
    if (missing and not partial) or not scored:
        raise ValueError(f"{len(missing)} photos of the truth are not in the submission: {', '.join(missing[:10])}")
    answers = [truth[image] if known is None or truth[image] in known else NEW_WHALE for image in scored]
    return map_at_5([guesses[image] for image in scored], answers), len(scored)


if __name__ == "__main__":
    sys.exit(main())
