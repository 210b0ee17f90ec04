"""Cosines that centring took apart are put together again, out of fold and of test photos."""

import json
from pathlib import Path

import numpy as np

from tests.blend.test_assemble import LABELLED, WHALES, model, put  # noqa: F401 (a fixture)
from whichwhale.blend.assemble import Member, assemble
from whichwhale.blend.cosines import Cosines, cosines_of_labelled, cosines_of_test
from whichwhale.blend.neighbours import ABOUT, scale_of


def as_neighbours(home: Path, scale: float) -> Member:
    (home / ABOUT).write_text(json.dumps({"model": "somebody", "scale": scale}))
    return assemble(home, WHALES, LABELLED)


def test_cosines_are_the_logits_over_the_scale(model: Path) -> None:  # noqa: F811
    plain, member = assemble(model, WHALES, LABELLED), as_neighbours(model, 2.0)
    assert np.isnan(plain.scale) and (member.scale, scale_of(model)) == (2.0, 2.0)
    images = ["w_2.jpg", "w_4.jpg", "w_1.jpg"]
    found = cosines_of_labelled([plain, member], images)
    np.testing.assert_array_equal(np.isnan(found.level), [[True] * 3, [False, True, False]])  # w_4 always trains
    z = np.stack([member.z[member.images.index(image)] for image in ("w_2.jpg", "w_1.jpg")])
    cosines = found.of_members([1]).rows(np.array([0, 2])).of(0, z)
    np.testing.assert_allclose(cosines, [[0, 6, 0], [1.5, 0, 0]])
    np.testing.assert_allclose(
        cosines_of_test([member], ["x_1.jpg"]).of(0, member.test_z), np.array([[26, 28, 24]]) / 2
    )  # by hand


def test_whales_that_a_fit_never_saw_are_not_in_the_mean(tmp_path: Path) -> None:
    put(tmp_path / "m/fold0", {"w_1.jpg#0": ("v", [4, 0]), "w_2.jpg#0": ("t", [0, 0]), "x_1.jpg#0": ("x", [2, 1])}, ["a", "b"])
    (tmp_path / "m" / ABOUT).write_text('{"model": "somebody", "scale": 4}')
    member = assemble(tmp_path / "m", WHALES, LABELLED, "folds")
    assert member.level.tolist() == [2.0] and member.test_level.tolist() == [1.5]
    np.testing.assert_allclose(cosines_of_labelled([member], ["w_1.jpg"]).of(0, member.z)[0, :2], [1, 0])


def test_nothing_is_known_of_no_photo() -> None:
    found = Cosines(np.array([np.nan, 3.0]), np.zeros((2, 0)))
    assert found.rows(np.array([], np.int64)).level.shape == (2, 0)
