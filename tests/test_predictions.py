"""Contract 3: what is written comes back exactly, and a broken table is refused with file, field and row."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions, PredictionsError, read, split_item, write


def small() -> Predictions:
    logits = np.array([[1, -2, np.nan], [0, 3, np.nan], [5, 4, np.nan]])
    embedding = np.array([[1, 0], [0.6, 0.8], [0, -1]])
    item = ["w_1.jpg#0", "w_2.jpg#0", "w_3.jpg#0"]
    role = [ROLE_TRAIN, ROLE_VALIDATION, ROLE_TEST]
    return Predictions.of(item, role, ["a", "b", "c"], logits, embedding, views=4, averaging="logits", weights_sha="12ab")


def assert_same(a: Predictions, b: Predictions) -> None:
    for field in dataclasses.fields(Predictions):
        left, right = getattr(a, field.name), getattr(b, field.name)
        np.testing.assert_array_equal(left, right)
        assert type(left) is type(right)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name


def test_what_is_written_comes_back_and_bytes_repeat(tmp_path):
    write(tmp_path / "runs/a/predictions.npz", small())
    write(tmp_path / "b.npz", small())
    assert_same(read(tmp_path / "runs/a/predictions.npz"), small())
    assert (tmp_path / "b.npz").read_bytes() == (tmp_path / "runs/a/predictions.npz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.npz", "runs"], "no temporary file stays"


def test_what_pictures_were_seen_may_be_said(tmp_path):
    write(tmp_path / "said.npz", dataclasses.replace(small(), pictures="pictures 12ab"))
    assert read(tmp_path / "said.npz").pictures == "pictures 12ab"
    write(tmp_path / "unsaid.npz", small())
    assert "pictures" not in np.load(tmp_path / "unsaid.npz").files and read(tmp_path / "unsaid.npz").pictures == ""
    with pytest.raises(PredictionsError, match="field pictures: a string expected"):
        write(tmp_path / "wrong.npz", dataclasses.replace(small(), pictures=7))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_valid_table_comes_back(tmp_path_factory, data):
    rows, classes, dims = data.draw(st.integers(1, 6)), data.draw(st.integers(0, 5)), data.draw(st.integers(0, 4))
    dims = dims or int(classes == 0)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    embedding = rng.normal(size=(rows, dims)) + 1e-9
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True) if dims else 1
    names = data.draw(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), min_size=1), min_size=classes,
                               max_size=classes, unique=True))  # fmt: skip
    table = Predictions.of([f"w {i}#x.jpg#0" for i in range(rows)], rng.integers(0, 3, rows), names,
                           rng.normal(size=(rows, classes)) * 1e4, embedding)  # fmt: skip
    path = tmp_path_factory.mktemp("any") / "p.npz"
    write(path, table)
    assert_same(read(path), table)


def test_a_model_without_softmax_or_without_embedding(tmp_path):
    item, role = ["w_1.jpg#0"], [ROLE_TEST]
    write(tmp_path / "e.npz", Predictions.of(item, role, ["a", "b"], None, np.array([[0.0, 1.0]])))
    assert read(tmp_path / "e.npz").logits.shape == (1, 0)
    write(tmp_path / "l.npz", Predictions.of(item, role, ["a", "b"], np.array([[0.0, 1.0]])))
    assert read(tmp_path / "l.npz").embedding.shape == (1, 0)
    with pytest.raises(PredictionsError, match="the file says nothing"):
        write(tmp_path / "n.npz", Predictions.of(item, role, ["a", "b"]))


def test_one_photo_may_be_train_in_one_row_and_test_in_another(tmp_path):
    write(tmp_path / "p.npz", dataclasses.replace(small(), item=np.array(["w_1.jpg#0", "w_2.jpg#0", "w_1.jpg#0"])))


def changed(field: str, index: tuple | int, value: object) -> Predictions:
    array = getattr(small(), field).copy()
    array[index] = value
    return dataclasses.replace(small(), **{field: array})


BROKEN = {
    "item.*row 2: w_2.jpg#0 is already in row 1": dataclasses.replace(
        small(), item=np.array(["w_1.jpg#0", "w_2.jpg#0", "w_2.jpg#0"]), role=np.array([0, 1, 1], np.uint8)
    ),
    "item.*row 1: w_1.jpg#0 is validation here, yet train in row 0": changed("item", 1, "w_1.jpg#0"),
    "item.*row 0: 'w_1.jpg' is not of the form photo#k": changed("item", 0, "w_1.jpg"),
    "item.*type unicode expected, got object": dataclasses.replace(small(), item=small().item.astype(object)),
    r"role.*row 1 \(w_2.jpg#0\): 3 is none of": changed("role", 1, 3),
    "role.*type uint8 expected, got int64": dataclasses.replace(small(), role=small().role.astype(np.int64)),
    "role.*2 rows, but item has 3": dataclasses.replace(small(), role=small().role[:2]),
    "class_id.*'b' appears 2 times": changed("class_id", 0, "b"),
    "class_id.*column 1 has an empty name": changed("class_id", 1, ""),
    r"logits.*row 1 \(w_2.jpg#0\), class b: nan": changed("logits", (1, 1), np.nan),
    r"logits.*row 2 \(w_3.jpg#0\), class c: 1.0|logits.*class c: nan": changed("logits", (2, 2), 1.0),
    r"logits.*row 0 \(w_1.jpg#0\), class a: inf": changed("logits", (0, 0), np.inf),
    "logits.*every column is NaN": dataclasses.replace(small(), logits=np.full((3, 3), np.nan, np.float32)),
    "logits.*2 columns, but class_id names 3": dataclasses.replace(small(), logits=small().logits[:, :2]),
    "logits.*type float32 expected, got float64": dataclasses.replace(small(), logits=small().logits.astype(float)),
    "logits.*2 dimension": dataclasses.replace(small(), logits=small().logits[0]),
    r"embedding.*row 1 \(w_2.jpg#0\): length 1.0": changed("embedding", (1, 0), 0.61),
    r"embedding.*row 0 \(w_1.jpg#0\): length 0.998,": changed("embedding", (0, 0), 0.998),
    r"embedding.*row 2 \(w_3.jpg#0\): length nan": changed("embedding", (2, 0), np.nan),
    "views.*>= 1 expected, got 0": dataclasses.replace(small(), views=0),
    "averaging.*a string expected": dataclasses.replace(small(), averaging=None),
    "item: no rows": Predictions.of(np.zeros(0, "U9"), [], ["a"], np.zeros((0, 1))),
}


@pytest.mark.parametrize("message", BROKEN)
def test_broken_tables_are_refused_in_writing_and_in_reading(tmp_path, message):
    path, broken = tmp_path / "p.npz", BROKEN[message]
    with pytest.raises(PredictionsError, match=f"p.npz: field {message}"):
        write(path, broken)
    assert not path.exists()
    arrays = {field.name: getattr(broken, field.name) for field in dataclasses.fields(broken)}
    np.savez(path, schema=1, **arrays)  # somebody else's writer, which checks nothing
    with pytest.raises(PredictionsError, match="p.npz: "):
        read(path)


def test_files_that_are_no_predictions(tmp_path):
    path = tmp_path / "p.npz"
    with pytest.raises(PredictionsError, match="p.npz: no such file"):
        read(path)
    path.write_bytes(b"Image,whale_1\n")
    with pytest.raises(PredictionsError, match="p.npz: not a readable predictions.npz"):
        read(path)
    write(path, small())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(PredictionsError, match="p.npz: not a readable predictions.npz"):
        read(path)
    np.savez(path, schema=1, item=small().item)
    with pytest.raises(PredictionsError, match="field role, class_id, .*, weights_sha missing; it has schema, item"):
        read(path)
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(PredictionsError, match="a single array"):
        read(tmp_path / "a.npy")
    arrays = {field.name: getattr(small(), field.name) for field in dataclasses.fields(Predictions)}
    np.savez(path, schema=2, **arrays)
    with pytest.raises(PredictionsError, match="field schema: 2, but this code reads 1"):
        read(path)
    np.savez(path, schema=1, **{**arrays, "views": np.array([4])})
    with pytest.raises(PredictionsError, match="field views: one integer expected"):
        read(path)


def test_nothing_is_ever_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    arrays = {field.name: getattr(small(), field.name) for field in dataclasses.fields(Predictions)}
    np.savez(tmp_path / "p.npz", schema=1, **{**arrays, "item": np.array([Bomb()], object)})
    with pytest.raises(PredictionsError, match="allow_pickle=False"):
        read(tmp_path / "p.npz")
    assert not (tmp_path / "exploded").exists()


def test_split_item():
    assert split_item("w_1.jpg#0") == ("w_1.jpg", 0)
    assert split_item("odd#name.jpg#12") == ("odd#name.jpg", 12)
