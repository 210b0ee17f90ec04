"""The text beside a submission: how it was made and what it is worth, for whoever finds it a year later."""

from collections.abc import Sequence
from pathlib import Path

from whichwhale.blend.assemble import Member
from whichwhale.blend.pool import Pool
from whichwhale.files import sha256


def provenance(
    command: str, commit: str, submission: Path, members: Sequence[Member], pool: Pool, notes: Sequence[str], table: str
) -> str:
    """Plain text: command, commit, fingerprint of the submission, the fits that took part, weights, notes, scores.

    Args:
        command: as it can be typed again; commit: of the code, in words; submission: the file written.
        members: in the pool's order; notes: what a reader must know, a line each; table: the scores.
    """
    lines = [
        f"{submission.name}  sha256 {sha256(submission)}",
        "",
        f"command  {command}",
        f"commit   {commit}",
        "",
        f"log-linear pool, l2 {pool.l2:g}, floor {pool.floor:g}, weights fitted once on {pool.rows} out-of-fold rows:",
    ]
    for member, weight in zip(members, pool.weights, strict=True):
        lines.append(f"  {member.name}  weight {weight:.6g}")
        for one in member.fits:
            lines.append(f"    {one.name}  weights {one.weights_sha[:16] or 'unknown'}  predictions {one.predictions_sha[:16]}")
    if pool.chosen is not None:
        lines.append(f"answered by {pool.chosen['name']} in the place of these weights; its numbers are in the record")
    lines += ["", *notes, "", "Out-of-fold scores, natural logarithm; intervals: bootstrap over photos.", table, ""]
    return "\n".join(lines)
