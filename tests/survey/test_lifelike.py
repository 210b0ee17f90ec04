from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.survey import conditions, lifelike, plan

SMALL = plan.Survey(whales=20, photos=200, width=300, seed=1, test_photos=60, close_up=True)


@given(st.integers(0, 2**32))
def test_a_look_is_one_that_light_and_skin_can_have(seed):
    look = lifelike.draw_look(np.random.default_rng(seed))
    hide, film = look.hide, look.film
    for albedo in (hide.skin, hide.lice, hide.core, hide.inside):
        assert albedo.shape == (3,) and (albedo > 0).all() and (albedo < 1).all()
    assert hide.lice.mean() > hide.skin.mean()
    assert all(0 <= side <= 1 for side in hide.gape) and hide.soft > 0
    assert (look.water.absorption > 0).all() and look.water.brink > 0
    assert film.reduced >= 1 and (film.first_quality == 0 or 1 <= film.first_quality <= 100) and film.gamma > 0


def test_lifelike_photos_are_of_the_same_whales_each_with_an_encounter_of_its_own():
    usual, alive = plan.draw(SMALL), plan.draw(replace(SMALL, lifelike=True))
    assert len({frame.encounter for frame in alive}) == len(alive) > len({frame.encounter for frame in usual})
    for a, b in zip(usual, alive, strict=True):
        assert (a.image, a.name) == (b.image, b.name)
        assert a.shot.look is None and b.shot.look is not None
        assert (b.points > 0).all() and (b.points < [300, 200]).all()


def test_every_photo_has_a_look_of_its_own():
    frames = plan.draw(replace(SMALL, lifelike=True))
    assert len({frame.shot.look.film.gamma for frame in frames}) == len(frames)
    again = plan.draw(replace(SMALL, lifelike=True))
    assert all(a.shot.look.film.gamma == b.shot.look.film.gamma for a, b in zip(frames, again, strict=True))


def test_seas_cover_the_usual_ones_and_are_of_more_colours():
    def shown(draw):
        rng = np.random.default_rng(0)
        return 255 * np.sqrt([draw(rng).colour for _ in range(2000)])

    usual, alive = shown(conditions.draw_sea), shown(lifelike.draw_sea)
    low, high = np.quantile(usual, [0.02, 0.98], axis=0)
    assert (alive.min(0) < low).all() and (alive.max(0) > high).all()
    assert (alive.std(0) > 1.1 * usual.std(0)).all()
