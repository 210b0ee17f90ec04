"""Which code is running, as run folders and submissions say it."""

import subprocess

from whichwhale.checkout import Checkout


def git(folder, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_commit_and_whether_the_code_differs_from_it(tmp_path):
    git(tmp_path, "init", "-q")
    assert str(Checkout.of(tmp_path)) == "unknown (not a git checkout with a commit)"
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text("1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert str(Checkout.of(tmp_path)) == f"{commit} (clean)"
    (tmp_path / "new_submission.csv.gz").write_text("")
    assert str(Checkout.of(tmp_path)) == f"{commit} (clean)", "only code and configs count"
    (tmp_path / "src/a.py").write_text("2\n")
    (tmp_path / "src/b.py").write_text("new\n")
    assert str(Checkout.of(tmp_path)) == f"{commit} (with 2 uncommitted changes to code or configs)"
    inside = Checkout.of(tmp_path / "src")
    assert inside.changed == ["src/a.py", "src/b.py"] and "+2" in inside.diff and "new" not in inside.diff
