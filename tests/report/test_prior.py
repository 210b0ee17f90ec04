"""Photos without any prediction: in every figure with the class prior, in nobody's mistakes."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import ensemble
from whichwhale import predictions
from whichwhale.config import load
from whichwhale.report.calibrated import before
from whichwhale.report.mistakes import mistakes
from whichwhale.report.results import best_answers, member_answers, results
from whichwhale.report.sources import Sources

LOST = ["w_4.jpg", "w_7.jpg", "x_0.jpg"]  # 4 and 7 are left out by fold 1


@pytest.fixture
def sources(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """The made-up data set, in three photos of which no head was found."""
    shutil.copytree(built / "runs", tmp_path / "runs")
    monkeypatch.setenv("WHICHWHALE_INPUT", str(built / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    sea = tmp_path / "runs" / "sea"
    for path in sea.glob("*/fold*/predictions.npz"):
        old = predictions.read(path)
        left = ~np.isin(old.item, [f"{image}#0" for image in LOST])
        table = predictions.Predictions.of(
            old.item[left].tolist(), old.role[left], old.class_id, old.logits[left], old.embedding[left]
        )
        predictions.write(path, table)
    rows = "".join(f"w_{n}.jpg,{n % 3},closed\n" for n in range(92))
    (sea / "folds.csv").write_text("Image,fold,kind\n" + rows)
    changes = [f"output={tmp_path / 'sea.csv'}"]
    assert ensemble.main([str(built / "ensemble.yaml"), *changes]) == 0
    truth = {"x_0.jpg": "whale_2<&>", "x_1.jpg": "whale_3<&>"}
    return Sources(load(ensemble.EnsembleConfig, built / "ensemble.yaml", changes), truth)


def test_they_are_in_every_set_of_answers(sources: Sources) -> None:
    for answers in (before(sources), best_answers(sources), member_answers(sources, sources.first_member())):
        assert len(answers.images) == 92
        # 18 or 19 photos a whale, those of fold 1 not counted, plus one each; 4 and 7 are whales 4 and 2
        counts = np.array([sum(n % 5 == whale and n % 3 != 1 for n in range(92)) + 1 for whale in range(5)])
        p = answers.p[answers.images.index("w_4.jpg")]
        np.testing.assert_allclose(p, (1 - 5e-6) * counts / counts.sum() + 1e-6, rtol=1e-4)


def test_they_are_counted_in_the_tables(sources: Sources) -> None:
    page = results(sources)
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr.*?</tr>", page, flags=re.DOTALL)]
    out_of_fold = [row for row in rows if row[-2:-1] == ["92"]]
    assert len(out_of_fold) == 8 and all(row[-1] == "2" for row in out_of_fold)
    test = [row for row in rows if row and row[0] in ("soft", "arc", "blend") and row[-2] == "2"]
    assert len(test) == 3 and all(row[-1] == "1" for row in test)


def test_they_are_nobodys_mistakes(sources: Sources) -> None:
    page = mistakes(sources)
    assert "in 90 photos" in page
    assert not set(re.findall(r"<b>Who is it\?</b> (\S+),", page)) & set(LOST)
