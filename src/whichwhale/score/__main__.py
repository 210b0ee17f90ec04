"""`python -m whichwhale.score`: what a submission is worth, and whether it is valid."""

import argparse
import sys
from collections.abc import Sequence

from whichwhale.score.evaluation import CAVEAT, Evaluation, evaluate, place_in_2016, read_truth
from whichwhale.score.submission import read, validate

EXAMPLE = """example:
  python -m whichwhale.score submission.csv.gz --sample input/right_whale/sample_submission.csv
  python -m whichwhale.score submission.csv.gz --truth solution.csv --train input/right_whale/train.csv
"""


def table(result: Evaluation) -> str:
    """The evaluation as text."""
    loss = result.log_loss
    lines = [
        f"photos scored    {result.photos} of {result.whales} whales",
        f"log loss         {loss}",
        f"top-1            {result.top_1:.1%}",
        f"top-3            {result.top_3:.1%}",
        f"top-5            {result.top_5:.1%}",
        f"MAP@5            {result.map_at_5:.4f}",
        f"macro accuracy   {result.macro_accuracy:.1%}",
        f"place in 2016    {place_in_2016(loss.mean)} ({CAVEAT})",
    ]
    if result.without_column:
        lines.append(f"not in log loss  {result.without_column} photos whose whale has no column (in MAP@5 as new_whale)")
    if result.without_truth:
        lines.append(f"left out         {result.without_truth} photos of the submission that the truth doesn't name")
    if result.by_training_photos:
        lines += ["", "training photos  photos  log loss  top-1  top-5"]
    for group in result.by_training_photos:
        end = "+" if group.high is None else "" if group.low == group.high else f"-{group.high}"
        lines.append(
            f"{f'{group.low}{end}':<15}  {group.photos:6d}  {group.log_loss:8.4f}  {group.top_1:5.1%}  {group.top_5:5.1%}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0, or 2 after one message on stderr."""
    parser = argparse.ArgumentParser("python -m whichwhale.score", description=__doc__, epilog=EXAMPLE)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("submission", metavar="SUBMISSION.csv[.gz]", help="Image and one column a whale")
    parser.add_argument("--sample", metavar="CSV", help="sample_submission.csv: check the submission against it")
    parser.add_argument("--truth", metavar="CSV", help="Image,whaleID of the photos to score")
    parser.add_argument("--train", metavar="CSV", help="Image,whaleID of the training photos: scores by their number as well")
    parser.add_argument(
        "--new-whale", type=float, metavar="P", help="MAP@5: new_whale comes before guesses below this probability"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap interval (default 0)")
    options = parser.parse_args(arguments)
    if not options.sample and not options.truth:
        parser.error("nothing to do: give --truth to score, --sample to check, or both")
    try:
        if options.sample:
            validate(options.submission, options.sample)
            print(f"{options.submission}: a valid submission for {options.sample}")
        if options.truth:
            train = read_truth(options.train) if options.train else None
            submission, truth = read(options.submission), read_truth(options.truth)
            print(table(evaluate(submission, truth, train=train, new_whale=options.new_whale, seed=options.seed)))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
