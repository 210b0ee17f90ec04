"""The shortcut benchmark: what a swapped photo shows, the figures by hand, and its quick form through the real scripts."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import shortcut
import shortcut_photos
import shortcut_table
from shortcut_answers import CATALOGUE, Answers, file_of, read

from tests.catalogue.made_up import some_photos
from whichwhale.catalogue.config import CatalogueConfig
from whichwhale.catalogue.editing import build
from whichwhale.competition.photos import decode
from whichwhale.score import NEW_WHALE
from whichwhale.survey import plan, scene, skin

SURVEY = plan.Survey(whales=3, photos=14, width=240, seed=2, test_photos=6, unknown=1)


@pytest.fixture(scope="module")
def swaps() -> list[shortcut_photos.Swap]:
    return shortcut_photos.pairs(SURVEY)


def test_every_test_photo_gets_the_sea_of_another_whale(swaps: list[shortcut_photos.Swap]) -> None:
    assert sorted(one.frame.image for one in swaps) == sorted(one.image for one in plan.draw(SURVEY) if one.test)
    for one in swaps:
        assert one.sea.whale != one.frame.whale and one.sea.encounter != one.frame.encounter and not one.sea.test
    assert [one.sea.image for one in shortcut_photos.pairs(SURVEY)] == [one.sea.image for one in swaps]


def test_the_animal_stays_and_the_sea_is_the_others(swaps: list[shortcut_photos.Swap]) -> None:
    one = max(swaps, key=lambda swap: -swap.frame.shot.pose.level)  # the head farthest out of the water
    whale = plan.whale_of(SURVEY, one.frame)
    photo = scene.render(one.frame.shot, whale, skin.draw(whale), SURVEY.width, SURVEY.height)
    animal = shortcut_photos.cut(SURVEY, one, photo)
    own, other = (shortcut_photos.swapped(SURVEY, one, kind, photo, animal) for kind in shortcut_photos.SETS)
    size = SURVEY.width, SURVEY.height
    alone = scene.render(one.frame.shot, None, None, *size).pixels
    inside = cv2.erode((photo.out > 0.999).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    outside = (photo.pixels == alone).all(axis=2)
    assert inside.sum() > 50 and outside.sum() > 5000
    seas = [replace(one.frame.shot, key=(2, 9, int(one.frame.image[2:-4])))]
    seas += [replace(one.frame.shot, key=one.sea.shot.key, sea=one.sea.shot.sea, light=one.sea.shot.light)]
    for pixels, sea in zip((own, other), seas, strict=True):
        np.testing.assert_array_equal(pixels[inside], photo.pixels[inside])
        np.testing.assert_array_equal(pixels[outside], scene.render(sea, None, None, *size).pixels[outside])
    # the own sea has the photo's colour, the other one that of the photo it is of
    away = [np.median(pixels[outside], axis=0) for pixels in (photo.pixels, own, other)]
    assert np.abs(away[1] - away[0]).max() < 6 < np.abs(away[2] - away[0]).max()
    np.testing.assert_array_equal(shortcut_photos.swapped(SURVEY, one, "other", photo, animal), other)


def test_skin_that_cannot_be_seen_stays_behind() -> None:
    """Where nothing differs nothing is cut out, above the water all of it is."""
    out = np.zeros((40, 60), np.float32)
    out[10:30, 10:30] = 1
    alone = np.full((40, 60, 3), 90, np.uint8)
    pixels = alone.copy()
    pixels[10:30, 30:45] += 30  # foam
    pixels[10:30, 45:55] += 5  # skin, deep down
    photo = scene.Photo(pixels, np.array([[10.0, 20.0], [20.0, 20.0]]), (out > 0).astype(np.uint8), out)
    alpha = shortcut_photos.cut_out(photo, alone)
    assert (alpha[13:27, 13:42] == 1).all() and (alpha[10:30, 45:] == 0).all() and (alpha[:10] == 0).all()
    # of the box half is skin above water and half foam, all of which stays
    assert shortcut_photos.under_water(photo, alpha, (15.0, 14.0, 26.0, 12.0)) == pytest.approx(11 / 26, abs=0.01)


def answers(name: list[str], p: list[float], guess: list[str], sure: list[float]) -> Answers:
    found = np.array([one != "" for one in name])
    return Answers(list("abcd"), np.array(name), np.array(p), np.array(guess), np.array(sure), found)


def test_figures_by_hand() -> None:
    """Three photos of two known whales, one of a stranger."""
    photos = pd.DataFrame(
        {
            "Image": list("abcd"),
            "whaleID": ["w1", "w1", "w2", NEW_WHALE],
            "animal": ["w1", "w1", "w2", "x"],
            "sea_whale": ["w2", "w2", "w1", "w1"],
        }
    )
    said = {
        "as photographed": answers(
            ["w1", "w1", "w2", "w1"], [0.95, 0.5, 0.99, 0.97], ["w1", "w1", "w2", "w1"], [0.9, 0.8, 0.95, 0.1]
        ),
        "own": answers(["w1", "w2", "w2", "w2"], [0.9] * 4, ["w1"] * 4, [0.0] * 4),
        "other": answers(["w2", "w2", "", "w1"], [0.9, 0.9, 0.0, 0.9], ["w2", "w2", "", "w1"], [0.95, 0.2, 0.0, 0.2]),
    }
    known = shortcut_table.known_rows(said, photos, draws=50)
    assert (known["photos"], known["animals"]) == (3, 2)
    assert [known["sets"][kind]["right"][0] for kind in said] == pytest.approx([1, 2 / 3, 0])
    assert [known["sets"][kind]["lured"][0] for kind in said] == pytest.approx([0, 1 / 3, 2 / 3])
    assert known["sets"]["other"]["found"] == pytest.approx(2 / 3)
    costs = [known["cost"][kind][0] for kind in ("own", "other", "sea")]
    assert costs == pytest.approx([-1 / 3, -1, -2 / 3])
    assert known["cost"]["other"] == [-1, -1, -1]  # of every animal alike
    sure = shortcut_table.sure_rows(said, photos, 0.9, draws=50)
    plain = sure["as photographed"]
    assert plain["softmax"]["unknown"][0] == 1 and plain["softmax"]["known"][0] == pytest.approx(2 / 3)
    assert plain["catalogue"]["unknown"][0] == 0 and plain["catalogue"]["known"][0] == pytest.approx(2 / 3)
    assert plain["catalogue"]["right"][0] == 1 and sure["other"]["catalogue"]["right"][0] == 0
    assert np.isnan(sure["own"]["catalogue"]["right"][0])  # nobody is named


def test_unknown_animals_that_are_named_break_the_bound() -> None:
    """Twenty photos of ten strangers; the catalogue names one of them once, on another's sea."""
    photos = pd.DataFrame({"Image": [f"{n}.jpg" for n in range(21)], "whaleID": [NEW_WHALE] * 20 + ["w1"], "sea_whale": "w2"})
    photos["animal"] = [f"x{n // 2}" for n in range(20)] + ["w1"]

    def said(named: int) -> Answers:
        sure = np.array([0.95] * named + [0.5] * (21 - named))
        names = np.array(["w1"] * 21)
        return Answers(photos["Image"].tolist(), names, np.full(21, 0.99), names, sure, np.full(21, True))

    def results(*named: int) -> dict:
        of_kind = dict(zip(("as photographed", "own", "other"), map(said, named), strict=True))
        return {"models": {"net": {"confident": shortcut_table.sure_rows(of_kind, photos, 0.9, draws=200)}}}

    kept, lines = shortcut_table.verdicts(results(0, 0, 1), 0.05)
    assert kept and "another's sea: 5.0% of" in lines[2]
    # ten animals of which none is named leave 1 - 0.025 ** (1 / 10) = 30.8 % possible
    assert "kept, but so few animals leave up to 30.8%" in lines[0]
    kept, lines = shortcut_table.verdicts(results(0, 2, 0), 0.05)
    assert not kept and ["NOT KEPT" in line for line in lines] == [False, True, False]
    kept, lines = shortcut_table.verdicts(results(0, 0, 0), 0.31)
    assert kept and all("kept, and 30.8% at most" in line for line in lines)
    nobody = {"models": {"net": {"confident": {kind: {"catalogue": {"unknown": [None] * 3}} for kind in shortcut_table.SETS}}}}
    assert shortcut_table.verdicts(nobody, 0.05)[0] is False


def test_a_catalogue_without_probabilities_names_nobody_and_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a build leaves it that was stopped before it calibrated."""
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path))
    fit = tmp_path / "survey" / "net" / "fold0"
    build(fit / CATALOGUE, some_photos(4, 3), CatalogueConfig())
    first = shortcut.catalogue_stages("survey", "net", 0.2)[0]
    assert first == ["-m", "whichwhale.catalogue", "calibrate", str(fit / CATALOGUE)]
    np.savez(file_of(fit, "own"), photo=np.array(["a.jpg"]), whale=np.array(["w1"]), p=np.array(["0.9"]))
    match = {"animal": "w1", "probability": None}
    for uncalibrated, probability in (("too few", None), (None, None), (None, 0.25)):
        told = {"uncalibrated": uncalibrated, "answers": [{"query": "a.jpg", "matches": [match | {"probability": probability}]}]}
        file_of(fit, "own").with_suffix(".json").write_text(json.dumps(told))
        if probability is None:
            with pytest.raises(ValueError, match=f"answers without probabilities, .*{uncalibrated or 'it was not calibrated'}"):
                read(fit, "own", ["a.jpg"])
        else:
            assert read(fit, "own", ["a.jpg", "b.jpg"]).sure.tolist() == [0.25, 0]


def in_process(command: list[str]) -> int:
    """A command run here: a process of its own would spend most of its time importing."""
    module = f"{command[1]}.__main__" if command[0] == "-m" else Path(command[0]).stem
    return importlib.import_module(module).main(command[2:] if command[0] == "-m" else command[1:])


def test_the_quick_form_through_the_real_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    size = ["--whales", "4", "--unknown", "2", "--training", "28", "--test", "12", "--width", "192", "--epochs", "2"]
    command = ["--quick", "--models", "whole_photo", "box_crop", *size, "--draws", "20"]
    assert shortcut.main(command, in_process) == 0
    shown = capsys.readouterr().out
    assert "| `whole_photo` |" in shown and "| `box_crop` | catalogue | another's sea |" in shown
    root = tmp_path / "input" / "shortcut_quick"
    table = pd.read_csv(root / "swapped" / "swapped.csv")
    truth = pd.read_csv(root / "truth" / "solution.csv").set_index("Image")["whaleID"]
    assert len(table) == 12 and (truth[table["Image"]].to_numpy() == table["whaleID"]).all()
    for kind in shortcut_photos.SETS:
        for image in table["Image"]:
            assert decode(root / "swapped" / kind / image).shape == decode(root / "imgs" / image).shape
    results = json.loads((tmp_path / "runs" / "shortcut_quick" / "shortcut.json").read_text())
    unknown = int((table["whaleID"] == NEW_WHALE).sum())
    assert results["strangers"] == {"photos": unknown, "animals": 2} and unknown >= 2
    whole = results["models"]["whole_photo"]["known"]
    assert whole["photos"] == 12 - unknown and all(whole["sets"][kind]["found"] == 1 for kind in whole["sets"])

    # once more: nothing is drawn, fitted or asked anew, and the figures are the same
    before = {path: path.stat().st_mtime_ns for path in [*root.rglob("*.jpg"), *(tmp_path / "runs").rglob("shortcut-*.npz")]}
    assert shortcut.main(command, in_process) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert json.loads((tmp_path / "runs" / "shortcut_quick" / "shortcut.json").read_text()) == results
    assert "whole_photo, another's sea: " in capsys.readouterr().out
    for wrong in ("--sure=0.3", "--most=1"):
        assert shortcut.main([*command, wrong], in_process) == 2
        assert wrong.replace("=", " ") in capsys.readouterr().err
    assert shortcut.main(command, lambda _: 5) == 1
