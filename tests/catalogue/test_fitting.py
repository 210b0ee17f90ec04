"""Probabilities that mean what they say: on animals and photos that the calibration never saw, at two sizes and two rates."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.catalogue.made_up import some_photos
from whichwhale.catalogue import fitting, trials
from whichwhale.catalogue.answers import answer
from whichwhale.catalogue.config import CalibrationConfig, CatalogueConfig, PoolConfig
from whichwhale.catalogue.editing import add, build, remove
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import Gallery, read
from whichwhale.catalogue.generations import with_calibration
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.search import Searcher

CONFIG = CatalogueConfig(
    pool=PoolConfig(scale=16), calibration=CalibrationConfig(queries=300, cohort=64, encounters=[1, 2], candidates=10)
)
ANIMALS, SPREAD = 80, 1.1


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("fitting") / "whales"
    gallery, _ = build(folder, some_photos(ANIMALS, 5, spread=SPREAD), CONFIG)
    fitted, cohort, why_not = fitting.calibrate(gallery)
    assert fitted is not None, why_not
    return with_calibration(gallery, fitted, cohort)


def fresh(gallery: Gallery, rate: float, spread: float = SPREAD) -> tuple[list[np.ndarray], list[str]]:
    """New photos of the gallery's animals, and of animals that it doesn't have, whose share is `rate`."""
    known = some_photos(ANIMALS, 6, seed=1, spread=spread)
    kept = known.table["animal"].isin(gallery.animals).to_numpy()
    wanted = round(kept.sum() * rate / (1 - rate))
    strangers = some_photos(400, 1, seed=2, first=1000, spread=spread)
    vectors = np.concatenate([known.vectors[kept], strangers.vectors[:wanted]])
    return [vector[None] for vector in vectors], known.table["animal"][kept].tolist() + [""] * wanted


@pytest.mark.parametrize("rate", [0.05, 0.3])
@pytest.mark.parametrize("animals", [80, 20])
def test_claims_are_kept(calibrated: Gallery, tmp_path: Path, animals: int, rate: float) -> None:
    """With 20: all animals in turn, in catalogues of a quarter of them, with the calibration of the large one."""
    first, right, nobody = [], [], []
    photos = some_photos(ANIMALS, 5, spread=SPREAD)
    for start in range(0, ANIMALS, animals):
        gallery = calibrated
        if animals < ANIMALS:
            names = [f"a{n}" for n in range(start, start + animals)]
            few, _ = build(tmp_path / f"from{start}", photos.only(photos.table["animal"].isin(names).to_numpy()), CONFIG)
            gallery = with_calibration(few, calibrated.manifest.calibration, calibrated.cohort)
        queries, truth = fresh(gallery, rate)
        for one, true in zip(answer(Searcher(gallery), truth, [["x"]] * len(truth), queries, rate, top=1), truth, strict=True):
            match = one.matches[0]
            assert match.probability + one.nobody + one.others == pytest.approx(1)
            first.append(max(match.probability, one.nobody))
            right.append(("" if one.nobody >= match.probability else match.animal) == true)
            nobody.append(one.nobody)
    assert np.mean(first) == pytest.approx(np.mean(right), abs=0.05)
    assert np.mean(nobody) == pytest.approx(rate, abs=0.03)
    order = np.argsort(first)  # the unsure and the sure ones, each for themselves
    for part in np.array_split(order, 2):
        assert np.mean(np.array(first)[part]) == pytest.approx(np.mean(np.array(right)[part]), abs=0.07)


def test_the_report_covers_rates_sizes_and_encounters(calibrated: Gallery) -> None:
    rows = calibrated.manifest.calibration.reliability
    photos = ("one", "several", "thinned")
    assert {(row["new_rate"], row["photos"]) for row in rows} == {(r, p) for r in (0.05, 0.3) for p in photos}
    assert max(row["animals"] for row in rows) in (ANIMALS - 1, ANIMALS) and min(row["animals"] for row in rows) < 30
    for row in rows:
        assert row["nobody_right"] == pytest.approx(row["new_rate"], abs=0.01)
        most = 0.13 if row["photos"] == "thinned" else 0.1
        assert row["error"] < 0.15 and abs(row["claimed"] - row["right"]) < most


def test_two_photos_say_more_than_one(calibrated: Gallery) -> None:
    pairs = some_photos(ANIMALS, 2, seed=3, spread=SPREAD)
    truth = pairs.table["animal"][::2].tolist()
    both = [pairs.vectors[at : at + 2] for at in range(0, len(pairs), 2)]

    def log_loss(queries: list[np.ndarray]) -> float:
        found = answer(Searcher(calibrated), truth, [["x", "y"][: len(one)] for one in queries], queries, 0.1, top=10)
        given = [{m.animal: m.probability for m in one.matches}.get(true, 1e-3) for one, true in zip(found, truth, strict=True)]
        return float(-np.log(given).mean())

    assert log_loss(both) < log_loss([pair[:1] for pair in both]) - 0.1


def test_new_whale_is_put_by_the_threshold(calibrated: Gallery) -> None:
    strangers = some_photos(1, 1, seed=5, first=2000)
    known = Incoming(calibrated.table[:1], calibrated.vectors(np.array([0])), calibrated.manifest.model)
    queries = [strangers.vectors, known.vectors]
    stranger, same = answer(Searcher(calibrated), ["s", "k"], [["s"], ["k"]], queries, 0.3)
    assert stranger.guesses[0] == "new_whale" and len(stranger.guesses) == 5
    assert same.guesses[0] == known.table["animal"].iloc[0]
    assert 0.2 < calibrated.manifest.calibration.threshold < 5


def test_more_strangers_expected_more_strangers_seen(calibrated: Gallery) -> None:
    query = [some_photos(1, 1, seed=4, spread=SPREAD).vectors]
    nobody = [answer(Searcher(calibrated), ["q"], [["q"]], query, rate)[0].nobody for rate in (0.0, 0.05, 0.3, 0.9)]
    assert nobody[0] == 0 and nobody == sorted(nobody) and nobody[-1] > nobody[1]
    # Bayes' rule: the odds grow as those of the rate
    odds = [p / (1 - p) for p in nobody[1:]]
    assert odds[1] / odds[0] == pytest.approx((0.3 / 0.7) / (0.05 / 0.95), rel=1e-6)
    with pytest.raises(ValueError, match="rate of strangers is 1.5"):
        answer(Searcher(calibrated), ["q"], [["q"]], query, 1.5)


def test_too_few_to_calibrate(tmp_path: Path) -> None:
    gallery, _ = build(tmp_path / "two", some_photos(2, 20), CONFIG)
    assert fitting.calibrate(gallery)[2].startswith("2 animals are too few")
    gallery, _ = build(tmp_path / "single", some_photos(50, 1), CONFIG)
    fitted, _, why_not = fitting.calibrate(gallery)
    assert fitted is None and "only 0 queries of known animals" in why_not
    (one,) = answer(Searcher(gallery), ["q"], [["q"]], [gallery.vectors()[:1]], 0.1)
    assert one.matches[0].animal == "a0" and one.matches[0].probability is None and one.nobody is None
    assert one.guesses[0] == "a0" and "new_whale" not in one.guesses


def test_photos_of_one_encounter_are_hidden_together(tmp_path: Path) -> None:
    """Bursts: each photo has a twin from the same pass. With encounters known, nobody finds its twin."""
    photos = some_photos(60, 3, spread=2.0)
    twins = photos.vectors + 0.002
    table = pd.concat([photos.table, photos.table.assign(photo="twin_" + photos.table["photo"])], ignore_index=True)
    both = Incoming(table, np.concatenate([photos.vectors, twins]), photos.model)
    both = replace(both, vectors=both.vectors / np.linalg.norm(both.vectors, axis=1, keepdims=True))
    config = CatalogueConfig(pool=PoolConfig(kind="max"), calibration=CalibrationConfig(queries=200, encounters=[1], sizes=[1.0]))
    right = {}
    for name, columns in (("unknown", {}), ("known", {"encounter": [f"e{n}" for n in range(180)] * 2})):
        gallery, _ = build(tmp_path / name, replace(both, table=table.assign(**columns)), config)
        fitted, _, why_not = fitting.calibrate(gallery)
        assert fitted is not None, why_not
        right[name] = fitted.reliability[0]["right"]
    assert right["unknown"] > 0.9 > 0.6 > right["known"]


def test_only_photos_that_the_model_did_not_learn_from_are_asked(tmp_path: Path) -> None:
    photos = some_photos(40, 4)
    table = photos.table.assign(learned=["yes", "yes", "no", "no"] * 40)
    gallery, _ = build(tmp_path / "both", replace(photos, table=table), CONFIG)
    fitted, _, _ = fitting.calibrate(gallery)
    assert fitted.learned == 0 and fitted.queries == 80 + 40  # all of them alone, and in pairs
    gallery, _ = build(tmp_path / "all", replace(photos, table=table.assign(learned="yes")), CONFIG)
    assert fitting.calibrate(gallery)[0].learned == 1


def test_held_out_queries(calibrated: Gallery) -> None:
    asked = some_photos(ANIMALS + 40, 2, seed=9, spread=SPREAD)  # 40 of them real strangers
    fitted, _, _ = fitting.calibrate(calibrated, asked)
    assert fitted.learned is None and fitted.queries == 2 * (ANIMALS + 40) + ANIMALS + 40
    said = replace(asked, table=asked.table.assign(learned="no"))
    assert fitting.calibrate(calibrated, said)[0].learned == 0
    said = replace(asked, table=asked.table.assign(learned=["no", ""] * (ANIMALS + 40)))
    assert fitting.calibrate(calibrated, said)[0].learned is None


def test_queries_that_the_model_learned_from_are_not_asked(calibrated: Gallery) -> None:
    asked = some_photos(ANIMALS, 4, seed=9, spread=SPREAD)
    said = replace(asked, table=asked.table.assign(learned=["yes", "no", "no", "yes"] * ANIMALS))
    queries, learned = trials.held_out_queries(calibrated, said, CONFIG.calibration)
    assert learned == 0 and len(queries) == 2 * ANIMALS + ANIMALS
    unseen = {vector.tobytes() for vector in asked.vectors.reshape(ANIMALS, 4, -1)[:, 1:3].reshape(2 * ANIMALS, -1)}
    assert {vector.tobytes() for query in queries for vector in query.vectors} == unseen
    with pytest.raises(CatalogueError, match=r"queries: the model learned from every one of these 320 photos"):
        fitting.calibrate(calibrated, replace(asked, table=asked.table.assign(learned="yes")))


def test_a_query_does_not_see_its_own_encounter(tmp_path: Path) -> None:
    photos = some_photos(3, 4)
    gallery, _ = build(tmp_path / "w", replace(photos, table=photos.table.assign(encounter=["e", "e", "f", ""] * 3)), CONFIG)
    asked = some_photos(3, 2, seed=1).only(np.array([True, True, True, False, True, False]))
    asked.table["photo"] = ["new_0.jpg", "p0_3.jpg", "new_1.jpg", "new_2.jpg"]
    asked.table["encounter"] = ["e", "e", "", "elsewhere"]
    queries, _ = trials.held_out_queries(gallery, asked, CONFIG.calibration)
    hidden = {(query.name, len(query.vectors)): query.hidden.tolist() for query in queries if len(query.vectors) == 2}
    assert hidden == {("a0", 2): [0, 1, 3]}, "two photos of its pass, and the photo of the same name"
    alone = sorted(query.hidden.tolist() for query in queries if len(query.vectors) == 1)
    assert alone == [[], [], [0, 1], [0, 1, 3]], "another animal's encounter of that name is another one"


def test_a_query_does_not_see_itself_under_another_name(tmp_path: Path) -> None:
    photos = some_photos(3, 3)
    gallery, _ = build(tmp_path / "w", photos, CONFIG)
    again = replace(photos, table=photos.table.assign(photo="elsewhere/" + photos.table["photo"]))
    moved = again.vectors + np.random.default_rng(0).uniform(-1e-7, 1e-7, again.vectors.shape).astype(np.float32)
    queries, _ = trials.held_out_queries(gallery, replace(again, vectors=moved), CONFIG.calibration)
    assert all(query.hidden.size == len(query.vectors) for query in queries)
    assert sorted(query.hidden[0] for query in queries if len(query.vectors) == 1) == list(range(9))


@pytest.mark.parametrize("meetings", [False, True])
def test_a_photo_that_is_there_twice_is_hidden_twice(tmp_path: Path, meetings: bool) -> None:
    """Kept doubles (--keep-doubles) would answer for one another: everything would be found, and every stranger claimed."""
    photos = some_photos(4, 3)
    if meetings:  # the first two photos of each animal are of one encounter
        photos.table["encounter"] = ["e", "e", ""] * 4
    table = pd.concat([photos.table, photos.table.assign(photo="again/" + photos.table["photo"])], ignore_index=True)
    doubled = Incoming(table, np.concatenate([photos.vectors, photos.vectors]), photos.model)
    gallery, _ = build(tmp_path / "w", doubled, CONFIG, keep_doubles=True)
    queries, _ = trials.own_queries(gallery, CONFIG.calibration)
    names = gallery.table["photo"].to_numpy(str)
    assert queries
    for query in queries:
        shown = {name.removeprefix("again/") for name in names[query.hidden]}
        twice = {name for name in names if name.removeprefix("again/") in shown}
        assert set(names[query.hidden]) == twice, "both copies, or neither"
        if meetings and any(name.endswith(("_0.jpg", "_1.jpg")) for name in shown):
            assert {name[-6:] for name in shown} >= {"_0.jpg", "_1.jpg"}


def test_half_of_the_queries_can_be_asked_as_known(tmp_path: Path) -> None:
    """300 animals of one photo and 20 of three: chance alone would ask five of these."""
    lone, few = some_photos(300, 1), some_photos(20, 3, first=300)
    table = pd.concat([lone.table, few.table], ignore_index=True)
    gallery, _ = build(tmp_path / "w", replace(lone, table=table, vectors=np.concatenate([lone.vectors, few.vectors])), CONFIG)
    config = CONFIG.calibration.model_copy(update={"queries": 40, "encounters": [1]})
    queries, _ = trials.own_queries(gallery, config)
    assert len(queries) == 40 and sum(int(query.name[1:]) >= 300 for query in queries) == 20
    config = config.model_copy(update={"queries": 400})
    assert sum(int(query.name[1:]) >= 300 for query in trials.own_queries(gallery, config)[0]) == 60


def test_a_group_leaves_its_animal_a_photo(tmp_path: Path) -> None:
    """Else animals of as many photos as a query has would be asked as strangers alone, and the number of photos would tell."""
    gallery, _ = build(tmp_path / "w", some_photos(20, 4), CONFIG)
    config = CONFIG.calibration.model_copy(update={"encounters": [1, 2, 4]})
    queries, _ = trials.own_queries(gallery, config)
    found = trials.run(gallery, queries, trials.choose_cohort(gallery, config), config, 16.0)
    assert set(found.asked.own.tolist()) == {1, 2, 3}
    for own in (1, 2, 3):
        of = found.asked.own == own
        assert 0 < (of & found.stranger).sum() == (of & ~found.stranger).sum()


def test_the_number_of_photos_is_no_sign_of_a_stranger(calibrated: Gallery) -> None:
    """Trials of one number of photos weigh half as known animals' and half as strangers', whatever could be asked."""
    queries, _ = trials.own_queries(calibrated, CONFIG.calibration)
    cohort = trials.choose_cohort(calibrated, CONFIG.calibration)
    found = trials.run(calibrated, queries[:50] + queries[-50:], cohort, CONFIG.calibration, 16.0)
    uneven = found.only(found.stranger | (found.asked.own == 1) | (np.arange(len(found)) % 7 == 0))
    weight = fitting._weights(uneven)
    assert weight.sum() == pytest.approx(1)
    for own in np.unique(uneven.asked.own):
        of = uneven.asked.own == own
        assert weight[of & uneven.stranger].sum() == pytest.approx(weight[of & ~uneven.stranger].sum())
    lone = uneven.only(uneven.stranger | (uneven.asked.own == 1))
    assert (fitting._weights(lone)[lone.asked.own > 1] == 0).all()  # of whom nothing else is known


def test_animals_of_few_photos_are_found_and_claimed_for_what_they_are(tmp_path: Path) -> None:
    """Half of the animals have one photo, half six: the ones can never be asked as known, and six photos are nearer by chance."""
    photos, new = some_photos(120, 6, spread=0.75), some_photos(120, 4, seed=5, spread=0.75)
    number = np.repeat(np.arange(120), 6)
    kept = (number % 2 == 0) | (np.tile(np.arange(6), 120) == 0)
    config = CatalogueConfig(calibration=CalibrationConfig(queries=300, cohort=64, encounters=[1], candidates=10))
    gallery, _ = build(tmp_path / "w", photos.only(kept), config)
    fitted, cohort, why_not = fitting.calibrate(gallery)
    assert fitted is not None, why_not
    searcher, truth = Searcher(with_calibration(gallery, fitted, cohort)), new.table["animal"].tolist()
    found = answer(searcher, truth, [["x"]] * len(truth), [vector[None] for vector in new.vectors], 0.05, top=1)
    lone = np.array([int(name[1:]) % 2 == 1 for name in truth])
    right = np.array([one.matches[0].animal == true for one, true in zip(found, truth, strict=True)])
    claimed = np.array([one.matches[0].probability for one in found])
    for rate in (0.0, 1e-12, 0.05):  # nobody is as good as impossible: guesses come in the order of the matches all the same
        again = answer(searcher, truth, [["x"]] * len(truth), [vector[None] for vector in new.vectors], rate, top=5)
        for one in again:
            assert [name for name in one.guesses if name != "new_whale"] == [m.animal for m in one.matches][
                : 5 - ("new_whale" in one.guesses)
            ]
    assert right[lone].mean() > 0.35  # 2 % where a score's sum over more photos is taken as it is; the nearest photo alone: 45 %
    assert claimed.mean() == pytest.approx(right.mean(), abs=0.08)
    said = np.array(
        [int(one.matches[0].animal[1:]) % 2 == 1 for one in found]
    )  # who is asked nobody knows, who is named one sees
    for named in (said, ~said):
        assert claimed[named].mean() == pytest.approx(right[named].mean(), abs=0.1)


def test_an_animal_added_with_one_photo_is_named(tmp_path: Path) -> None:
    """Among animals of five photos each, with the calibration of these."""
    gallery, _ = build(tmp_path / "w", some_photos(ANIMALS, 5, spread=0.5), CONFIG)
    fitted, cohort, why_not = fitting.calibrate(gallery)
    assert fitted is not None, why_not
    with_calibration(gallery, fitted, cohort)
    more = some_photos(20, 1, first=500, spread=0.5)
    add(tmp_path / "w", more)
    new = some_photos(20, 3, seed=7, first=500, spread=0.5)
    truth = new.table["animal"].tolist()
    found = answer(Searcher(read(tmp_path / "w")), truth, [["x"]] * 60, [vector[None] for vector in new.vectors], 0.05, top=1)
    right = np.mean([one.matches[0].animal == true for one, true in zip(found, truth, strict=True)])
    claimed = np.mean([one.matches[0].probability for one in found])
    assert right > 0.9 and claimed == pytest.approx(right, abs=0.08)


def test_weights_of_before_are_read(calibrated: Gallery) -> None:
    """Catalogues of schema 3 have calibrations that know nothing of the animals' numbers of photos."""
    fitted = calibrated.manifest.calibration
    before = fitted.model_copy(update={"animal": fitted.animal[:-2]})
    nothing = fitted.model_copy(update={"animal": [*fitted.animal[:-2], 0.0, 0.0]})
    query = [some_photos(1, 1, seed=4, spread=SPREAD).vectors]
    answers = []
    for one in (before, nothing):
        manifest = calibrated.manifest.model_copy(update={"calibration": one})
        answers.append(answer(Searcher(replace(calibrated, manifest=manifest)), ["q"], [["q"]], query, 0.1))
    assert answers[0] == answers[1]


def test_animals_are_dealt_evenly() -> None:
    names = np.repeat(["a0", "a1", "a2", "a3", "a4"], 7)
    for key in ("bands", "probabilities"):
        side = trials.halves(names, key)
        assert [len(set(side[names == one])) for one in np.unique(names)] == [1] * 5
        assert sorted(np.bincount(side) // 7) == [2, 3]
    assert (trials.halves(names, "bands") != trials.halves(names, "probabilities")).any()


def test_a_reader_goes_on_while_the_calibration_is_made_anew(calibrated: Gallery, tmp_path: Path) -> None:
    """What it opened answers as before, with the cohort's file deleted by two later calibrations."""
    folder = tmp_path / "whales"
    shutil.copytree(calibrated.folder, folder)
    reader, query = read(folder), [some_photos(1, 1, seed=4, spread=SPREAD).vectors]
    for cohort in (calibrated.cohort[:32], calibrated.cohort[32:]):
        gallery = with_calibration(read(folder), calibrated.manifest.calibration, cohort)
        np.testing.assert_array_equal(gallery.cohort, cohort)
    assert not (folder / reader.manifest.calibration.cohort).exists()
    assert answer(Searcher(reader), ["q"], [["q"]], query, 0.1) == answer(Searcher(calibrated), ["q"], [["q"]], query, 0.1)


def test_a_damaged_cohort_is_told(calibrated: Gallery, tmp_path: Path) -> None:
    folder = tmp_path / "whales"
    shutil.copytree(calibrated.folder, folder)
    path = folder / calibrated.manifest.calibration.cohort
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CatalogueError, match=f"{path.name}: not readable"):
        read(folder)
    path.unlink()
    with pytest.raises(CatalogueError, match=f"{path.name}: is missing, so the catalogue is damaged"):
        read(folder)


def test_removal_leaves_the_calibration(calibrated: Gallery, tmp_path: Path) -> None:
    gallery, _ = build(tmp_path / "whales", some_photos(ANIMALS, 5, spread=SPREAD), CONFIG)
    gallery = with_calibration(gallery, calibrated.manifest.calibration, calibrated.cohort)
    gallery, _ = remove(gallery.folder, animals=["a0"])
    assert gallery.manifest.calibration.animal == calibrated.manifest.calibration.animal
    assert gallery.cohort.shape == (64, 16)


def test_bands_of_new_photos(tmp_path: Path) -> None:
    spread, rate = 0.6, 0.3
    gallery, _ = build(tmp_path / "whales", some_photos(ANIMALS, 5, spread=spread), CONFIG)
    fitted, cohort, _ = fitting.calibrate(gallery)
    assert fitted.bands.errors == [0.05, 0.05]
    gallery = with_calibration(gallery, fitted, cohort)
    queries, truth = fresh(gallery, rate, spread)
    found = answer(Searcher(gallery), truth, [["x"]] * len(truth), queries, rate, top=1)
    auto = [(one.matches[0].animal, true) for one, true in zip(found, truth, strict=True) if one.band == "auto"]
    new = [true for one, true in zip(found, truth, strict=True) if one.band == "new"]
    assert {one.band for one in found} <= {"auto", "review", "new"} and len(auto) > 0.3 * len(found)
    assert np.mean([name != true for name, true in auto]) < 0.1
    assert np.mean([true != "" for true in new] or [0]) < 0.2
    # fewer errors, fewer photos in auto; and once told, they stay
    strict, cohort, _ = fitting.calibrate(gallery, errors=(0.02, 0.05))
    at = [one.new_rate for one in strict.bands.limits].index(rate)
    assert strict.bands.limits[at].auto is None or strict.bands.limits[at].auto > fitted.bands.limits[at].auto
    assert fitting.calibrate(with_calibration(gallery, strict, cohort))[0].bands == strict.bands
