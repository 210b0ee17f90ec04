"""The power that test rows deserve, of a blend in any of its ways, against the submissions themselves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import test_power

import ensemble
from tests.ensemble.conftest import place  # noqa: F401 (a fixture)
from tests.ensemble.made_up import TEST, WHALES
from whichwhale.score import submission


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("choose", ["log_linear", "mixture+power", "logit"])
def test_the_power_is_that_of_the_way_that_answers(choose: str, capsys: pytest.CaptureFixture) -> None:
    right = np.array([i % 6 if i != 3 else 0 for i in range(8)])  # one is told wrong, or ever more power would be best
    pd.DataFrame({"Image": TEST[:8], "whaleID": [WHALES[i] for i in right]}).to_csv("truth.csv", index=False)
    assert test_power.main(["ensemble.yaml", f"choose={choose}", "test_power=3", "--truth", "truth.csv"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"sea: good, sharp; {choose}; 8 test photos of known whales"
    rows = {line.split()[0]: line.replace("(", " ").replace(")", " ").split() for line in told[2:]}
    assert list(rows) == ["folds", "all", "both"]
    for kind, row in rows.items():
        _, outside, plain, power, low, _, high, best = row
        told_power = float(power)
        losses = []
        for one in (1.0, told_power, told_power * 1.15, told_power / 1.15):
            command = ["ensemble.yaml", f"choose={choose}", f"test={kind}", f"test_power={one}", "output=s.csv"]
            assert ensemble.main(command) == 0
            p = submission.read(Path("s.csv")).p[:7]  # the eighth one member alone predicts
            losses.append(-np.log(p[np.arange(7), right[:7]]).mean())
        assert losses[0] == pytest.approx(float(plain), abs=2e-3)  # but for the floor
        assert losses[1] == pytest.approx(float(best), abs=2e-3)
        assert losses[1] <= min(losses) + 1e-4 and float(low) <= told_power <= float(high) and float(outside) > 0
    capsys.readouterr()
    assert test_power.main(["ensemble.yaml", "choose=forest", "--truth", "truth.csv"]) == 2
