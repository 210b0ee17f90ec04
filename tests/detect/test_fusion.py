import numpy as np
import pytest

from whichwhale.detect.detections import Detections
from whichwhale.detect.fusion import fuse

IMAGES, PARTS = ["a.jpg", "b.jpg"], ["head", "fluke"]


def found(*rows: tuple[int, int, float, list[float]]) -> Detections:
    photo, part, score, box = zip(*rows, strict=True) if rows else ((), (), (), ())
    numbers = np.array(photo, np.int64), np.array(part, np.int64)
    return Detections(IMAGES, PARTS, *numbers, np.array(score, float), np.array(box, float).reshape(-1, 4))


def test_boxes_of_two_models_become_their_mean_by_score():
    fused = fuse([found((0, 0, 0.9, [0, 0, 10, 10])), found((0, 0, 0.3, [4, 0, 10, 10]))], 0.4)  # IoU 60 / 140
    assert fused.box == pytest.approx(np.array([[1.0, 0, 10, 10]]))
    assert fused.score == pytest.approx([0.6])


def test_what_one_model_alone_saw_keeps_half_of_its_score():
    fused = fuse([found((1, 1, 0.8, [5, 5, 4, 4])), found()], 0.5)
    assert (fused.photo.tolist(), fused.part.tolist()) == ([1], [1])
    assert fused.score == pytest.approx([0.4]) and fused.box == pytest.approx(np.array([[5.0, 5, 4, 4]]))


def test_another_photo_part_or_box_of_the_same_model_is_not_joined():
    box = [0, 0, 10, 10]
    one = found((0, 0, 0.9, box), (0, 0, 0.8, [1, 0, 10, 10]), (0, 1, 0.7, box), (1, 0, 0.6, box))
    fused = fuse([one, found()], 0.5)
    assert sorted(fused.score.tolist()) == pytest.approx([0.3, 0.35, 0.4, 0.45])


def test_a_single_model_comes_back_as_it_was():
    one = found((0, 0, 0.9, [0, 0, 10, 10]), (0, 1, 0.2, [1, 2, 3, 4]), (1, 0, 0.4, [7, 7, 2, 2]))
    fused = fuse([one], 0.5)
    assert np.array_equal(fused.box, one.box) and np.array_equal(fused.score, one.score)
    assert np.array_equal(fused.photo, one.photo) and np.array_equal(fused.part, one.part)


def test_other_photos_are_refused():
    other = Detections(["c.jpg"], PARTS, *(np.zeros(0, np.int64),) * 2, np.zeros(0), np.zeros((0, 4)))
    with pytest.raises(ValueError, match="different photos"):
        fuse([found(), other], 0.5)
    assert len(fuse([found(), found()], 0.5).score) == 0
