from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from whichwhale.survey import plan

SMALL = plan.Survey(whales=20, photos=200, width=300, seed=1, test_photos=60, unknown=3)


def test_counts_are_exact_and_no_whale_is_without_a_training_photo():
    frames = plan.draw(SMALL)
    assert len(frames) == len({frame.image for frame in frames}) == 200
    assert sum(frame.test for frame in frames) == 60
    trained = Counter(frame.whale for frame in frames if not frame.test)
    assert set(trained) == set(range(20))
    unknown = {frame.whale for frame in frames if frame.whale >= 20}
    assert unknown == {20, 21, 22} and all(frame.test for frame in frames if frame.whale in unknown)
    assert len({frame.name for frame in frames}) == 23


def test_training_photos_per_whale_have_the_real_spread():
    frames = plan.draw(plan.Survey(whales=447, photos=4544, width=300, seed=0, test_photos=940))
    counts = np.array(list(Counter(frame.whale for frame in frames if not frame.test).values()))
    assert counts.sum() == 3604
    assert abs(counts.std() - 5.45) < 0.8  # the real competition's; its mean is 8.06, it has 24 whales with one photo
    assert 8 <= (counts == 1).sum() <= 40


def test_an_encounter_is_one_whale_one_day_one_sea():
    frames = plan.draw(SMALL)
    groups: dict[int, list[plan.Frame]] = {}
    for frame in frames:
        groups.setdefault(frame.encounter, []).append(frame)
    assert max(map(len, groups.values())) <= 4 and len(groups) > 60
    for group in groups.values():
        assert (
            len({(frame.whale, frame.date, frame.location, frame.shot.sea.state, frame.shot.sea.wavelength) for frame in group})
            == 1
        )
        assert group[0].date.month in plan.PLACES[group[0].location]
    poses = {frame.shot.pose.pitch for frame in frames}
    assert len(poses) == len(frames)


def test_the_seed_makes_the_plan():
    a, b, other = plan.draw(SMALL), plan.draw(SMALL), plan.draw(replace(SMALL, seed=2))
    assert [(f.image, f.name, f.test, f.box) for f in a] == [(f.image, f.name, f.test, f.box) for f in b]
    assert [f.name for f in a] != [f.name for f in other]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"whales": 1}, "--whales"),
        ({"width": 10}, "--width"),
        ({"seed": -1}, "--seed"),
        ({"test_photos": 200}, "--photos"),
        ({"photos": 70}, "--whales"),
        ({"two": 201}, "--two"),
        ({"none": -1}, "--none"),
        ({"two": 1, "close_up": True}, "--close-up"),
        ({"lifelike": True}, "--close-up"),
        ({"lifelike": True, "close_up": True, "wild": True}, "--wild"),
        ({"lifelike": True, "close_up": True, "parts": True}, "--parts"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change, word):
    with pytest.raises(ValueError, match=word):
        replace(SMALL, **change)


def test_close_ups_are_the_same_whales_in_the_same_encounters():
    far, near = plan.draw(SMALL), plan.draw(replace(SMALL, close_up=True))
    for a, b in zip(far, near, strict=True):
        assert (a.image, a.name, a.test, a.encounter, a.date) == (b.image, b.name, b.test, b.encounter, b.date)
        assert a.shot.sea.state == b.shot.sea.state
        d = np.hypot(*(b.points[0] - b.points[1]))
        assert abs(d - 300 / 2.6) < 1e-6 and b.points[0, 0] > b.points[1, 0]
        assert (b.points > 0).all() and (b.points < [300, 200]).all()


def _same(a: plan.Frame, b: plan.Frame) -> bool:
    return (a.image, a.name, a.test, a.encounter, a.box, a.shot.place, a.shot.pose) == (
        b.image, b.name, b.test, b.encounter, b.box, b.shot.place, b.shot.pose
    )  # fmt: skip


def test_second_whales_and_open_sea_leave_all_else_as_it_was():
    alone, crowded = plan.draw(SMALL), plan.draw(replace(SMALL, two=25, none=20))
    assert all(_same(a, b) for a, b in zip(alone, crowded[:200], strict=True))
    assert sum(bool(frame.company) for frame in crowded) == 25
    fewer = plan.draw(replace(SMALL, two=10))
    assert {f.image for f in fewer if f.company} < {f.image for f in crowded if f.company}
    sea = crowded[200:]
    assert {frame.name for frame in sea} == {"no_whale"} and sum(frame.test for frame in sea) == 6  # 60 of 200 are test photos
    assert len({frame.image for frame in crowded}) == 220
    assert all(np.isnan(frame.points).all() and np.isnan(frame.box).all() for frame in sea)


def test_a_second_whale_is_smaller_lies_in_the_photo_and_has_its_sea():
    for frame in plan.draw(replace(SMALL, two=40)):
        for other in frame.company:
            first, second = (np.hypot(*(points[0] - points[1])) for points in (frame.points, other.points))
            assert 0.75 * first - 1e-9 <= second <= 0.95 * first + 1e-9
            assert (other.points > 0).all() and (other.points < [300, 200]).all()
            assert np.hypot(*(frame.points.mean(0) - other.points.mean(0))) > 1.5 * first
            assert (other.shot.sea, other.shot.light, other.shot.camera) == (frame.shot.sea, frame.shot.light, frame.shot.camera)
            assert other.shot.key != frame.shot.key and other.whale >= plan.COMPANIONS


def test_lifelike_photos_share_no_sea_and_light():
    frames = plan.draw(plan.Survey(whales=4, photos=30, width=288, seed=3, test_photos=6, close_up=True, lifelike=True))
    assert len({frame.encounter for frame in frames}) == 30
    looks = [(repr(frame.shot.sea), repr(frame.shot.light)) for frame in frames]
    assert len(set(looks)) == 30
