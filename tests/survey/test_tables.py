from dataclasses import replace

import pandas as pd
import pytest

from whichwhale import competition
from whichwhale.annotations import read, sloth
from whichwhale.survey import plan, tables

SURVEY = plan.Survey(whales=6, photos=50, width=300, seed=1, test_photos=20, unknown=2)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root, frames = tmp_path_factory.mktemp("survey"), plan.draw(SURVEY)
    tables.write(SURVEY, frames, root)
    return root, frames


def test_a_competition_reader_takes_it(written):
    root, frames = written
    (root / "imgs").mkdir(exist_ok=True)
    read = competition.read(root)
    assert read.class_id == sorted({frame.name for frame in frames if frame.whale < 6})
    assert read.test == sorted(frame.image for frame in frames if frame.test)
    assert dict(read.train.itertuples(index=False)) == {frame.image: frame.name for frame in frames if not frame.test}


def test_the_sample_submission_is_uniform(written):
    sample = pd.read_csv(written[0] / "sample_submission.csv", index_col="Image")
    assert sample.shape == (20, 6) and (abs(sample - 1 / 6) < 1e-6).all(axis=None)


def test_annotations_of_all_photos_read_back(written):
    root, frames = written
    files = {name: root / file for name, file in sloth.POINT_FILES.items()}
    back = sloth.from_sloth(files, root / sloth.BOX_FILE).set_index("Image")
    assert set(back.index) == {frame.image for frame in frames}
    for frame in frames:
        row = back.loc[frame.image]
        found = [
            row["bonnet_tip_x"],
            row["bonnet_tip_y"],
            row["blowhole_x"],
            row["blowhole_y"],
            row["x"],
            row["y"],
            row["width"],
            row["height"],
        ]
        assert found == pytest.approx([*frame.points.ravel(), *frame.box], abs=1e-9)


def test_the_solution_hides_who_the_unknown_are(written):
    root, frames = written
    solution = pd.read_csv(root / "truth" / "solution.csv").set_index("Image")["whaleID"]
    for frame in frames:
        if frame.test:
            assert solution[frame.image] == (frame.name if frame.whale < 6 else "new_whale")
    assert len(solution) == 20 and (solution == "new_whale").sum() >= 2


def test_callosity_types_are_given_for_training_photos_only(written):
    root, frames = written
    kinds = pd.read_csv(root / "callosity.csv").set_index("Image")["callosity"]
    assert set(kinds.index) == {frame.image for frame in frames if not frame.test}
    assert set(kinds) <= {0, 1, 2}
    truth = pd.read_csv(root / "truth" / "metadata.csv").set_index("Image")
    assert (truth.loc[kinds.index, "callosity"] == kinds).all()
    assert truth.groupby("whaleID")["callosity"].nunique().max() == 1 and len(truth) == 50


def test_parts_of_one_whale_of_two_and_of_none(tmp_path):
    survey = replace(SURVEY, two=8, none=5, parts=True)
    frames = {frame.image: frame for frame in plan.draw(survey)}
    tables.write(survey, list(frames.values()), tmp_path)
    table = read(tmp_path / "parts.csv")  # contract 1 holds
    assert set(table["Image"]) == set(frames) and len(frames) == 55
    sea = [image for image, frame in frames.items() if frame.name == plan.OPEN_SEA]
    assert set(table.loc[table["Image"].isin(sea), "status"]) == {"none"}
    assert (table["bonnet_tip_v"] == 2).equals(table["part"].eq("head") & table["status"].eq("ok"))
    found = table[table["status"] == "ok"]
    assert set(found["part"]) == set(tables.parts.NAMES)
    assert ((found["x"] >= -0.5) & (found["x"] + found["width"] <= 299.5)).all()
    assert ((found["y"] >= -0.5) & (found["y"] + found["height"] <= 199.5)).all()
    seconds = found.loc[found["item"].str.endswith("#1"), "Image"].unique()
    assert len(seconds) >= 4 and all(frames[image].company for image in seconds)
    first = found[found["part"].eq("head") & found["item"].str.endswith("#0")].iloc[0]
    assert (first["bonnet_tip_x"], first["bonnet_tip_y"]) == pytest.approx(tuple(frames[first["Image"]].points[0]))


def test_the_other_tables_with_two_whales_and_none(tmp_path):
    survey = replace(SURVEY, two=8, none=5)
    frames = plan.draw(survey)
    tables.write(survey, frames, tmp_path)
    assert not (tmp_path / "parts.csv").exists()
    train, solution = (pd.read_csv(tmp_path / name) for name in ("train.csv", "truth/solution.csv"))
    assert (train["whaleID"] == "no_whale").sum() == 3 and (solution["whaleID"] == "no_whale").sum() == 2
    assert set(pd.read_csv(tmp_path / "callosity.csv")["Image"]) == set(train.loc[train["whaleID"] != "no_whale", "Image"])
    heads = sloth.from_sloth({}, tmp_path / sloth.BOX_FILE)
    assert heads["Image"].value_counts().eq(2).sum() == 8 and (heads["status"] == "none").sum() == 5
    animals = pd.read_csv(tmp_path / "truth" / "metadata.csv").set_index("Image")["animals"]
    assert animals.value_counts().to_dict() == {1: 42, 2: 8, 0: 5}
