import numpy as np

from whichwhale.survey import skin
from whichwhale.survey.identity import BROKEN, CONTINUOUS, TYPE_SHARES, Whale


def test_the_key_alone_makes_the_whale():
    a, b, other, elsewhere = Whale.draw(3, 5), Whale.draw(3, 5), Whale.draw(3, 6), Whale.draw(4, 5)
    assert np.array_equal(a.patches, b.patches) and np.array_equal(a.strip, b.strip) and a.callosity == b.callosity
    assert not np.array_equal(a.strip, other.strip) and not np.array_equal(a.strip, elsewhere.strip)


def test_a_continuous_strip_has_no_gap_and_a_broken_one_has():
    whales = [Whale.draw(0, number) for number in range(120)]
    assert {CONTINUOUS, BROKEN} <= {whale.callosity for whale in whales}
    for whale in whales:
        if whale.callosity == CONTINUOUS:
            assert (whale.strip[:, 2] > 0).all()
        elif whale.callosity == BROKEN:
            assert (whale.strip[:, 2] <= 0).any()


def test_types_occur_as_in_the_real_photos():
    kinds = [Whale.draw(1, number).callosity for number in range(600)]
    assert abs(np.mean([kind == BROKEN for kind in kinds]) - TYPE_SHARES[BROKEN]) < 0.06
    assert sum(TYPE_SHARES.values()) == 1


def test_skin_is_the_same_each_time_and_callosities_are_paler_than_skin():
    whale = Whale.draw(0, 0)
    (head, trunk), (again, _) = skin.draw(whale), skin.draw(whale)
    assert np.array_equal(head.layers, again.layers)
    brightness = head.layers[..., :3].mean(-1)
    x, q = whale.patches[0, :2]  # the bonnet
    s, _ = head.grid()
    row = np.abs(skin.anatomy.along(s[:, 0]) - x).argmin()
    assert np.median(brightness[row - 4 : row + 4, brightness.shape[1] // 2 - 4 : brightness.shape[1] // 2 + 4]) > 4 * np.median(
        trunk.layers[..., :3]
    )


def test_resampling_a_texture_keeps_its_stretch():
    head, _ = skin.draw(Whale.draw(0, 1))
    for texels in (60, 400):
        other = head.at(texels)
        s, theta = other.grid()
        assert abs(len(s) / (head.s1 - head.s0) - texels) < 2
        step = (head.s1 - head.s0) / len(s)
        assert np.isclose(s[0, 0], head.s0 + step / 2, atol=1e-6) and np.isclose(s[-1, 0], head.s1 - step / 2, atol=1e-5)
        assert np.allclose(theta, -theta[:, ::-1], atol=1e-5)
        assert np.isclose(other.layers[..., :3].mean(), head.layers[..., :3].mean(), rtol=0.02)
