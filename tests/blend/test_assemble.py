"""Which rows end up in the out-of-fold and test tables, and what a missing class, photo or fit means."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from whichwhale.blend.assemble import AssembleError, Member, assemble, centred
from whichwhale.blend.rows import rows_of_test, rows_out_of_fold
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions, read, write

WHALES = ["a", "b", "c"]
LABELLED = ["w_1.jpg", "w_2.jpg", "w_3.jpg", "w_4.jpg"]
ROLES = {"t": ROLE_TRAIN, "v": ROLE_VALIDATION, "x": ROLE_TEST}


def put(folder: Path, rows: dict[str, tuple[str, list[float]]], whales: list[str] = WHALES) -> None:
    """Write folder/predictions.npz from item -> (t | v | x, logits)."""
    roles, logits = zip(*rows.values(), strict=True)
    table = Predictions.of(list(rows), [ROLES[role] for role in roles], whales, np.array(logits), weights_sha="ab")
    write(folder / "predictions.npz", table)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two folds and foldall; w_4.jpg always trains. Centred logits are easy to read off."""
    put(tmp_path / "m/fold0", {"w_1.jpg#0": ("v", [3, 0, 0]), "w_2.jpg#0": ("t", [0, 9, 0]), "w_3.jpg#0": ("v", [0, 0, 6]),
                               "w_4.jpg#0": ("t", [1, 1, 1]), "x_1.jpg#0": ("x", [3, 0, -3])})  # fmt: skip
    put(tmp_path / "m/fold1", {"w_1.jpg#0": ("t", [8, 0, 0]), "w_2.jpg#0": ("v", [0, 12, 0]), "w_3.jpg#0": ("t", [0, 0, 7]),
                               "w_4.jpg#0": ("t", [1, 1, 1]), "x_1.jpg#0": ("x", [101, 100, 99])})  # fmt: skip
    put(tmp_path / "m/foldall", {**{f"{image}#0": ("t", [1, 2, 3]) for image in LABELLED}, "x_1.jpg#0": ("x", [0, 6, 0])})
    return tmp_path / "m"


def test_validation_rows_only_each_once_in_the_training_tables_order(model):
    member = assemble(model, WHALES, LABELLED, "folds")
    assert member.images == ["w_1.jpg", "w_2.jpg", "w_3.jpg"]
    assert member.fold.tolist() == [0, 1, 0]
    np.testing.assert_allclose(member.z, [[2, -1, -1], [-4, 8, -4], [-2, -2, 4]])
    assert (member.always, member.absent) == (["w_4.jpg"], [])
    assert (member.name, member.unseen) == ("m", [])
    assert [fit.name for fit in member.fits] == ["fold0", "fold1"]


@pytest.mark.parametrize(("test", "row"), [("folds", [2, 0, -2]), ("all", [-2, 4, -2]), ("both", [0, 2, -2])])
def test_test_rows_from_folds_from_all_or_half_each(model, test, row):
    member = assemble(model, WHALES, LABELLED, test)
    assert member.test_images == ["x_1.jpg"]
    np.testing.assert_allclose(member.test_z, [row])  # fold means (3,0,-3) and (1,0,-1) give (2,0,-2); all alone (-2,4,-2)
    assert len(member.z) == 3, "out-of-fold rows come from the folds whatever the test rows come from"


def test_foldall_is_only_needed_where_it_is_used(model):
    (model / "foldall/predictions.npz").unlink()
    assert assemble(model, WHALES, LABELLED, "folds").images
    with pytest.raises(AssembleError, match="foldall/predictions.npz: missing; fit or finish foldall of m; or say test=folds"):
        assemble(model, WHALES, LABELLED, "both")


def test_centred_logits_give_the_same_softmax_and_no_evidence_for_unseen_classes():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5, 4)) * 3 + 50
    z, seen = centred(logits)
    np.testing.assert_allclose(softmax(z, axis=1), softmax(logits, axis=1))
    assert seen.all()
    logits[:, 2] = np.nan
    z, seen = centred(logits)
    assert seen.tolist() == [True, True, False, True]
    np.testing.assert_array_equal(z[:, 2], 0)
    np.testing.assert_allclose(z.sum(axis=1), 0, atol=1e-12)
    for power in (0.0, 0.3, 1.0, 4.0):  # the unseen class never gets more than the uniform share, and that only from the clueless
        share = softmax(power * z, axis=1)[:, 2]
        assert (share <= 1 / 4 + 1e-12).all()
        assert (share == pytest.approx(1 / 4)) == (power == 0)


def test_a_class_counts_as_seen_by_the_fits_that_saw_it(model):
    put(model / "fold1", {"w_2.jpg#0": ("v", [12, 0]), "x_1.jpg#0": ("x", [101, 99])}, ["b", "c"])  # never saw a, other columns
    member = assemble(model, WHALES, LABELLED, "folds")
    np.testing.assert_allclose(member.z[1], [0, 6, -6])
    np.testing.assert_allclose(member.test_z, [[3, 0.5, -2]])  # a: fold0's 3 alone; b: mean(0, 1); c: mean(-3, -1)
    assert member.unseen == ["a"]
    nan = [np.nan, 12, 0], [np.nan, 101, 99]
    put(model / "fold1", {"w_2.jpg#0": ("v", nan[0]), "x_1.jpg#0": ("x", nan[1])})  # the same said with a NaN column
    again = assemble(model, WHALES, LABELLED, "folds")
    np.testing.assert_array_equal(again.z, member.z)
    np.testing.assert_array_equal(again.test_z, member.test_z)


def test_classes_are_reordered_by_name(model):
    put(model / "fold1", {"w_2.jpg#0": ("v", [0, 0, 12]), "x_1.jpg#0": ("x", [99, 101, 100])}, ["c", "a", "b"])
    member = assemble(model, WHALES, LABELLED, "folds")
    np.testing.assert_allclose(member.z[1], [-4, 8, -4])
    np.testing.assert_allclose(member.test_z, [[2, 0, -2]])


def test_only_the_animal_that_the_label_means(model):
    put(model / "fold1", {"w_2.jpg#1": ("v", [5, 0, 0]), "w_2.jpg#0": ("v", [0, 12, 0]), "x_1.jpg#0": ("x", [1, 0, -1]),
                          "x_1.jpg#1": ("x", [0, 0, 50])})  # fmt: skip
    member = assemble(model, WHALES, LABELLED, "folds")
    np.testing.assert_allclose(member.z[1], [-4, 8, -4])
    np.testing.assert_allclose(member.test_z, [[2, 0, -2]])


X = {"x_1.jpg#0": ("x", [1.0, 0.0, 0.0])}
V = ("v", [1.0, 0.0, 0.0])
REFUSED = {
    "fold1/predictions.npz: w_1.jpg is a validation row in fold0 as well": ("fold1", {"w_1.jpg#0": V, **X}, WHALES),
    "w_2.jpg is a validation row, but another animal of the same photo is a train row": (
        "fold1",
        {"w_2.jpg#0": V, "w_2.jpg#1": ("t", [1, 0, 0]), **X},
        WHALES,
    ),
    "x_9.jpg is a validation row, but the training table does not label it": ("fold1", {"x_9.jpg#0": V, **X}, WHALES),
    "w_1.jpg is a test row, but the training table labels it": ("fold1", {"w_2.jpg#0": V, "w_1.jpg#0": X["x_1.jpg#0"]}, WHALES),
    r"class 'd' \(and 0 more\) is no column": ("fold1", {"w_2.jpg#0": V, **X}, ["a", "d", "b"]),
    "x_2.jpg has a test row in some fits only": ("fold1", {"w_2.jpg#0": V, "x_2.jpg#0": ("x", [1, 0, 0]), **X}, WHALES),
    "foldall/predictions.npz: w_2.jpg is a validation row, but this fit claims": ("foldall", {"w_2.jpg#0": V, **X}, WHALES),
    "has fold0, fold1, fold3; fold0, fold1, ... without a gap": ("fold3", X, WHALES),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals_name_the_file_and_the_photo(model, message):
    fold, rows, whales = REFUSED[message]
    put(model / fold, rows, whales)
    with pytest.raises(AssembleError, match=message):
        assemble(model, WHALES, LABELLED, "both")


def test_no_folder_no_fold_unfinished_fold_no_rows_no_logits(model, tmp_path):
    with pytest.raises(AssembleError, match="nobody: no such folder"):
        assemble(tmp_path / "nobody", WHALES, LABELLED)
    (tmp_path / "empty").mkdir()
    with pytest.raises(AssembleError, match="empty: has no fold; fold0"):
        assemble(tmp_path / "empty", WHALES, LABELLED)
    (model / "fold2").mkdir()
    with pytest.raises(AssembleError, match="fold2/predictions.npz: missing; fit or finish fold2 of m$"):
        assemble(model, WHALES, LABELLED)
    put(tmp_path / "trained/fold0", {"w_1.jpg#0": ("t", [1, 0, 0]), **X})
    with pytest.raises(AssembleError, match="no fold model has a validation row"):
        assemble(tmp_path / "trained", WHALES, LABELLED, "folds")
    only_embedding = Predictions.of(["w_1.jpg#0"], [ROLE_VALIDATION], WHALES, None, np.array([[1.0]]))
    write(tmp_path / "e/fold0/predictions.npz", only_embedding)
    with pytest.raises(AssembleError, match="no logits, only an embedding"):
        assemble(tmp_path / "e", WHALES, LABELLED, "folds")


def test_photos_in_no_file_are_told_from_those_that_always_train(model):
    member = assemble(model, WHALES, [*LABELLED, "w_5.jpg"], "both")
    assert (member.always, member.absent) == (["w_4.jpg"], ["w_5.jpg"])


def member(name: str, rows: dict[str, list[float]], test: dict[str, list[float]] | None = None, always: list[str] = ()) -> Member:
    test = test or {"x_1.jpg": [0.0, 0.0]}
    z, test_z = np.array(list(rows.values())), np.array(list(test.values()))
    fold = np.arange(len(rows)) % 2
    return Member(name, list(rows), fold, z, list(test), test_z, list(always), [], [], [])


SIX = [f"w_{n}.jpg" for n in range(1, 7)]


def test_photos_that_a_member_lacks_are_scored_with_no_evidence_from_it():
    one = member("one", {"w_1.jpg": [1, -1], "w_2.jpg": [2, -2], "w_3.jpg": [3, -3]})
    two = member("two", {"w_3.jpg": [30, -30], "w_1.jpg": [10, -10]})
    rows = rows_out_of_fold([one, two], SIX, {})
    assert rows.images == ["w_1.jpg", "w_2.jpg", "w_3.jpg"]
    np.testing.assert_array_equal(rows.z[:, :, 0], [[1, 2, 3], [10, 0, 30]])
    assert rows.fold.tolist() == [0, 1, 0], "the first member's folds"
    assert rows.complete.tolist() == [True, False, True] and rows.answered.all()
    assert rows.lost == [0, 0]
    with pytest.raises(AssembleError, match="no photo has out-of-fold rows in all of one, other"):
        rows_out_of_fold([one, member("other", {"w_9.jpg": [1, -1]})], SIX, {})
    with pytest.raises(AssembleError, match="no members"):
        rows_out_of_fold([], SIX, {})


def test_photos_without_any_row_are_scored_if_a_fitted_fold_left_them_out():
    """Folds 0 and 1 are fitted. w_3 is in fold 1 and nobody found its head, w_4 in a fold to come, w_5 always trains."""
    one = member("one", {"w_1.jpg": [1, -1], "w_2.jpg": [2, -2]}, always=["w_6.jpg"])
    folds = {"w_1.jpg": 0, "w_2.jpg": 1, "w_3.jpg": 1, "w_4.jpg": 2, "w_6.jpg": 0}
    rows = rows_out_of_fold([one], SIX, folds)
    assert rows.images == ["w_1.jpg", "w_2.jpg", "w_3.jpg"] and rows.fold.tolist() == [0, 1, 1]
    assert rows.answered.tolist() == [True, True, False]
    np.testing.assert_array_equal(rows.z[0, 2], 0)


def test_what_one_member_trained_on_throughout_is_scored_for_none():
    """The second member has fold 0 only, so that w_2 and w_4 are train rows in all of its files."""
    one = member("one", {"w_1.jpg": [1, -1], "w_2.jpg": [2, -2], "w_3.jpg": [3, -3], "w_4.jpg": [4, -4]})
    two = member("two", {"w_1.jpg": [10, -10]}, always=["w_2.jpg", "w_4.jpg"])
    rows = rows_out_of_fold([one, two], SIX, {"w_1.jpg": 0, "w_2.jpg": 1, "w_3.jpg": 0, "w_4.jpg": 1, "w_5.jpg": 1})
    assert rows.images == ["w_1.jpg", "w_3.jpg"]  # w_3: the second found no head in it; w_5: nobody did, but its fold is to come
    assert rows.lost == [2, 0]


def test_the_prior_of_a_photo_leaves_its_fold_out():
    one = member("one", {"w_1.jpg": [1, -1, 0], "w_2.jpg": [2, -2, 0], "w_3.jpg": [3, -3, 0]})  # folds 0, 1, 0
    rows = rows_out_of_fold([one], SIX, {})
    truth, labels = np.array([0, 1, 1]), np.array([0, 1, 1, 0, 0, 1])
    counts = np.array([[2, 2, 0], [3, 2, 0], [2, 2, 0]]) + 1  # of the six labels without those of the photo's fold
    np.testing.assert_allclose(rows.prior(truth, labels, 3), counts / counts.sum(axis=1, keepdims=True))


def test_a_member_says_nothing_about_test_photos_that_it_lacks():
    one = member("one", {"w_1.jpg": [1, -1]}, {"x_2.jpg": [2, -2], "x_1.jpg": [1, -1]})
    two = member("two", {"w_1.jpg": [1, -1]}, {"x_1.jpg": [10, -10]})
    z, count = rows_of_test([one, two], ["x_1.jpg", "x_2.jpg", "x_3.jpg"])
    np.testing.assert_array_equal(z[:, :, 0], [[1, 2, 0], [10, 0, 0]])
    assert count.tolist() == [2, 1, 0]


def partitions(folder: Path, count: int, aside: str = "") -> None:
    """folds.csv of two folds beside the model, and fold2 and fold3 (as far as `count` goes): another partition of the photos."""
    dealt = {"w_1.jpg": 0, "w_2.jpg": 1, "w_3.jpg": 0, "w_4.jpg": -1} | ({aside: -2} if aside else {})
    text = "".join(f"{image},{fold},closed\n" for image, fold in dealt.items())
    (folder.parent / "folds.csv").write_text(f"Image,fold,kind\n{text}")
    put(folder / "fold2", {"w_1.jpg#0": ("v", [9, 3, 0]), "w_2.jpg#0": ("v", [0, 6, 0]), "w_3.jpg#0": ("t", [0, 0, 6]),
                           "w_4.jpg#0": ("t", [1, 1, 1]), "x_1.jpg#0": ("x", [5, 0, -5])})  # fmt: skip
    if count > 3:
        put(folder / "fold3", {"w_1.jpg#0": ("t", [8, 0, 0]), "w_2.jpg#0": ("t", [0, 9, 0]), "w_3.jpg#0": ("v", [0, 0, 12]),
                               "w_4.jpg#0": ("t", [1, 1, 1]), "x_1.jpg#0": ("x", [7, 0, -7])})  # fmt: skip


def test_rows_of_several_partitions_are_averaged_as_test_rows_are(model):
    partitions(model, 4)
    member = assemble(model, WHALES, LABELLED, "folds")
    assert member.images == ["w_1.jpg", "w_2.jpg", "w_3.jpg"] and member.fold.tolist() == [0, 1, 0]
    # centred: (2, -1, -1) and (5, -1, -4); (-4, 8, -4) and (-2, 4, -2); (-2, -2, 4) and (-4, -4, 8)
    np.testing.assert_allclose(member.z, [[3.5, -1, -2.5], [-3, 6, -3], [-3, -3, 6]])
    np.testing.assert_allclose(member.test_z, [[4, 0, -4]])
    assert [fit.name for fit in member.fits] == ["fold0", "fold1", "fold2", "fold3"]


def test_a_partition_that_lacks_folds_or_repeats_rows_is_refused(model):
    partitions(model, 3)
    with pytest.raises(AssembleError, match="has 3 fold models, .* no whole number of partitions into 2 folds .*fit fold3"):
        assemble(model, WHALES, LABELLED, "folds")
    partitions(model, 4)
    put(model / "fold3", {"w_1.jpg#0": ("v", [3, 0, 0]), "w_3.jpg#0": ("v", [0, 0, 9]), "x_1.jpg#0": ("x", [7, 0, -7])})
    with pytest.raises(AssembleError, match=r"fold3/predictions.npz: w_1.jpg is a validation row in fold2 as well"):
        assemble(model, WHALES, LABELLED, "folds")


def test_photos_set_aside_have_the_mean_of_all_fold_models(model):
    partitions(model, 4, aside="w_4.jpg")
    for fold in range(4):
        path, table = model / f"fold{fold}", {"x_1.jpg#0": ("x", [1, 0, 0]), "w_4.jpg#0": ("v", [3 * fold, 0, 0])}
        table |= {f"w_{1 + fold % 2}.jpg#0": ("v", [0, 3, 0])}
        put(path, table)
    member = assemble(model, WHALES, LABELLED, "folds")
    assert dict(zip(member.images, member.fold.tolist(), strict=True)) == {"w_1.jpg": 0, "w_2.jpg": 1, "w_4.jpg": -2}
    np.testing.assert_allclose(member.z[2], [3, -1.5, -1.5])  # of (0, 3, 6, 9) the mean is 4.5
    rows = rows_out_of_fold([member], LABELLED, {})
    assert rows.images == ["w_1.jpg", "w_2.jpg"]
    kept = rows_out_of_fold([member], LABELLED, {"w_1.jpg": 0}, "calibration")
    assert kept.images == ["w_4.jpg"] and kept.fold.tolist() == [0]
    np.testing.assert_allclose(kept.z[0], [[3, -1.5, -1.5]])
    assert member.always == [] and member.absent == ["w_3.jpg"]


def test_nothing_was_set_aside(model):
    member = assemble(model, WHALES, LABELLED, "folds")
    with pytest.raises(AssembleError, match="m: no photo was set aside to calibrate on; fit it with folds.calibration=0.1"):
        rows_out_of_fold([member], LABELLED, {}, "calibration")


def test_fits_that_showed_other_views_are_not_averaged(model):
    table = read(model / "fold1/predictions.npz")
    write(model / "fold1/predictions.npz", replace(table, averaging="mean of logits over views", views=4))
    told = "fold1/predictions.npz: made otherwise than fold0: 'mean of logits over views' .4 views., not 'none' .1.; run predict"
    with pytest.raises(AssembleError, match=told):
        assemble(model, WHALES, LABELLED, "folds")
