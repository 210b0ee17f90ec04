from dataclasses import replace

import cv2
import numpy as np
import pytest

from whichwhale.survey import plan, shoot
from whichwhale.survey.__main__ import main

TINY = plan.Survey(whales=2, photos=6, width=120, seed=4, test_photos=2)


def _pixels(root):
    return {path.name: cv2.imread(str(path)) for path in sorted((root / "imgs").iterdir())}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    root = tmp_path_factory.mktemp("alone") / "survey"
    assert shoot.make(TINY, root, workers=1) == 6
    return root


def test_the_number_of_workers_changes_no_pixel(alone, tmp_path):
    shoot.make(TINY, tmp_path / "two", workers=2)
    one, two = _pixels(alone), _pixels(tmp_path / "two")
    assert len(one) == 6 and one.keys() == two.keys()
    for name in one:
        assert one[name].shape == (80, 120, 3)
        assert np.array_equal(one[name], two[name])


def test_what_is_missing_is_drawn_again_alike(alone):
    before = _pixels(alone)
    name = sorted(before)[2]
    (alone / "imgs" / name).unlink()
    assert shoot.make(TINY, alone) == 1
    assert np.array_equal(_pixels(alone)[name], before[name])
    assert shoot.make(TINY, alone) == 0


def test_a_folder_with_another_survey_is_refused(alone, tmp_path, capsys):
    arguments = [str(alone), "--whales", "2", "--photos", "6", "--width", "120", "--seed", "5", "--test-photos", "2"]
    assert main(arguments) == 2
    assert "seed 4 there, 5 asked for" in capsys.readouterr().err
    (tmp_path / "imgs").mkdir()
    with pytest.raises(ValueError, match="empty folder"):
        shoot.make(TINY, tmp_path)


def test_the_door_says_what_was_written(tmp_path, capsys):
    arguments = [str(tmp_path / "new"), "--whales", "2", "--photos", "3", "--width", "96", "--test-share", "0.34"]
    assert main(arguments) == 0
    assert "3 photos of 2 whales, 1 of them test photos, 3 drawn" in capsys.readouterr().out
    assert main([str(tmp_path / "new2"), "--whales", "9", "--photos", "3"]) == 2
    assert "--photos" in capsys.readouterr().err


def test_second_whales_and_open_sea_change_no_other_photo(alone, tmp_path):
    survey = replace(TINY, two=2, none=2, parts=True)
    assert shoot.make(survey, tmp_path / "crowd") == 8
    before, after = _pixels(alone), _pixels(tmp_path / "crowd")
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {frame.image for frame in plan.draw(survey)[:6] if not frame.company} and len(same) == 4
    assert (tmp_path / "crowd" / "parts.csv").exists() and not (alone / "parts.csv").exists()


def test_lifelike_close_ups_are_drawn_alike_by_any_number_of_workers(tmp_path):
    survey = replace(TINY, close_up=True, lifelike=True, none=1)
    assert shoot.make(survey, tmp_path / "one") == shoot.make(survey, tmp_path / "two", workers=2) == 7
    one, two = _pixels(tmp_path / "one"), _pixels(tmp_path / "two")
    assert all(np.array_equal(one[name], two[name]) for name in one) and len(one) == 7
    arguments = [str(tmp_path / "one"), "--whales", "2", "--photos", "6", "--width", "120", "--seed", "4", "--test-photos", "2"]
    assert main([*arguments, "--none", "1", "--close-up"]) == 2  # without --lifelike it is another survey
    assert main([*arguments, "--none", "1", "--close-up", "--lifelike"]) == 0
