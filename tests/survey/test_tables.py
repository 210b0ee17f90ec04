import pandas as pd
import pytest

from whichwhale import competition
from whichwhale.annotations import sloth
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
