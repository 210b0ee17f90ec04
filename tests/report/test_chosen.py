"""What the page says of the way to blend."""

from types import SimpleNamespace

from whichwhale.report.chosen import chosen


def said(**choice: object) -> str:
    return chosen(SimpleNamespace(pool=SimpleNamespace(scores={"choice": choice} if choice else {})))


def test_a_way_that_was_asked_for_is_told_with_what_was_fitted() -> None:
    page = said(asked="log_linear+prior", name="log_linear+prior", told=["power 1.046, <prior>"], without_parts=[], trials=[])
    assert "Answered by log_linear+prior, as the config asks" in page
    assert "<summary>What was fitted</summary><p>power 1.046, &lt;prior&gt;</p>" in page
    assert said() == "", "the log-linear pool is told by its weights"


def test_a_ladder_says_what_was_taken_and_what_left_out() -> None:
    gain = {"mean": 0.0366, "low": 0.0244, "high": 0.049, "level": 0.95}
    loss = {"gain": {"mean": -0.03, "low": -0.05, "high": -0.01}, "by_partition": [-0.03, -0.02], "spread": 0.007}
    trials = [
        {"name": "equal", "log_loss": 1.9, "against": None, "gain": None, "by_partition": [], "spread": 0.0, "kept": True},
        {"name": "pool", "log_loss": 1.6, "against": "equal", "gain": gain, "by_partition": [0.04, 0.03], "spread": 0.0071}
        | {"kept": True},
        {"name": "floor", "log_loss": 1.7, "against": "pool", "kept": False} | loss,
    ]
    page = said(asked="auto", name="pool", without_parts=["pool", "pool", "equal"], trials=trials)
    for text in ("+0.0366 (+0.0244 to +0.0490)", "0.0071", "taken", "left out", "pool (2), equal (1)", "Answered by pool."):
        assert text in page
