import math
from dataclasses import replace

import numpy as np

from whichwhale.survey import conditions, foam, sea
from whichwhale.survey.placement import Placement
from whichwhale.survey.pose import View

FRAME = (240, 160)


def _drawn(**changes):
    rng = np.random.default_rng(5)
    water, light, camera = conditions.draw_sea(rng), conditions.draw_light(rng), conditions.draw_camera(rng)
    water = replace(water, state=2, wavelength=0.5, contrast=0.1, sparkle=0.5, **changes)
    return sea.draw(water, light, replace(camera, tilt=0.0), 20.0, FRAME, np.random.default_rng(6)), water


def test_waves_have_unit_slope_and_small_heights():
    surface, _ = _drawn()
    across, down = surface.slope
    assert surface.shade.shape == (160, 240)
    assert 0.6 < across.var() + down.var() < 1.5
    assert surface.height.std() < 0.1
    assert surface.glint.min() >= 0 and surface.glint.max() <= 1


def test_crests_lie_across_the_waves_bearing():
    surface, _ = _drawn(bearing=0.0, spread=4.0)
    assert surface.slope[0].var() > 2 * surface.slope[1].var()
    surface, _ = _drawn(bearing=math.pi / 2, spread=4.0)
    assert surface.slope[1].var() > 2 * surface.slope[0].var()


def test_shading_follows_the_crests_wherever_the_sun_stands():
    """Seen along their crests, waves would show their spread's two flanks, a woven lattice."""
    rng = np.random.default_rng(5)
    water, light, camera = conditions.draw_sea(rng), conditions.draw_light(rng), conditions.draw_camera(rng)
    water = replace(water, state=1, wavelength=0.5, contrast=0.1, bearing=0.0, spread=4.0)
    for bearing in np.linspace(0, 2 * math.pi, 8, endpoint=False):
        sky = replace(light, bearing=float(bearing))
        shade = sea.draw(water, sky, replace(camera, tilt=0.0), 20.0, FRAME, np.random.default_rng(6)).shade
        down, across = np.gradient(shade)
        assert across.var() > 2.2 * down.var(), bearing


def test_only_rough_seas_have_whitecaps():
    surface, water = _drawn(caps=0.0)
    assert sea.whitecaps(water, surface, 20.0, np.random.default_rng(0)).max() == 0
    assert sea.whitecaps(replace(water, caps=2.5), surface, 20.0, np.random.default_rng(0)).max() > 0.5


def test_sea_colours_are_those_of_real_seas():
    rng = np.random.default_rng(0)
    display = 255 * np.sqrt([conditions.draw_sea(rng).colour for _ in range(2000)])
    # 25, 50 and 75 % of the seas in 2,269 real head crops
    assert np.allclose(np.quantile(display, [0.25, 0.5, 0.75], axis=0), [[51, 77, 87], [66, 94, 107], [87, 112, 128]], atol=9)
    assert (display[:, 0] < display[:, 1]).all()
    assert (display[:, [0, 2]].mean(1) < display[:, 1] - 1.5).all()  # no pink or violet one


def test_foam_gathers_at_the_waterline_and_needs_a_cause():
    rng = np.random.default_rng(0)
    lies = replace(conditions.draw_pose(rng), wash=0.0, splash=0.0, blow=1.0)
    view = View(lies, conditions.draw_camera(rng), Placement(0.1, 0.0, 0.5, 0.5), *FRAME)
    out = np.zeros((160, 240), np.float32)
    out[60:100, 80:160] = 1
    white, cloud = foam.foam(lies, view, (0, 0), out, np.random.default_rng(1))
    assert white.max() == 0 and cloud.max() == 0
    white, _ = foam.foam(replace(lies, wash=1.0), view, (0, 0), out, np.random.default_rng(1))
    edge = white[55:105, 75:165].mean()
    assert edge > 0.02 and white[:30].mean() < 0.05 * edge
    puff = foam.blow(lies, view, (0, 0), out.shape, np.random.default_rng(2))
    ys, xs = np.nonzero(puff > 0.2)
    blowhole = view.points()[1]
    assert len(xs) and np.hypot(xs - blowhole[0], ys - blowhole[1]).min() < 5
