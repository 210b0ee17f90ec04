"""What a fit has learned from: written, read back, and told from what is held out."""

from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file, save, save_file

from whichwhale.files import sha256
from whichwhale.runs import RunFolder, trained_on
from whichwhale.runs.trained_on import photos_of, shared, without_label


def test_photos_are_read_back_with_their_whales_and_without(tmp_path: Path) -> None:
    photos = {("b.jpg", "whale_2"), ("a.jpg", "whale_1"), ("NA.jpg", "NA"), *without_label(["c, d.jpg"])}
    trained_on.write(tmp_path, photos)
    assert trained_on.read(tmp_path) == photos
    assert (tmp_path / trained_on.FILE).read_text().splitlines() == [
        "Image,whaleID",
        "NA.jpg,NA",
        "a.jpg,whale_1",
        "b.jpg,whale_2",
        '"c, d.jpg",',
    ]
    assert trained_on.read(tmp_path / "nowhere") is None
    (tmp_path / trained_on.FILE).write_text("Image\na.jpg\n")  # a detector's
    assert trained_on.read(tmp_path) is None


def test_a_photo_is_told_by_name_and_whale_or_by_name_alone_if_it_had_no_label() -> None:
    train = pd.DataFrame({"Image": ["a.jpg", "b.jpg", "c.jpg"], "whaleID": ["x", "y", "z"]})
    held_out = photos_of(train, ["a.jpg", "b.jpg"])
    assert held_out == {("a.jpg", "x"), ("b.jpg", "y")}
    assert shared({("a.jpg", "x"), ("b.jpg", "another"), ("c.jpg", "z")}, held_out) == ["a.jpg"]
    assert shared({("b.jpg", ""), ("c.jpg", "")}, held_out) == ["b.jpg"]
    assert shared({("a.jpg", "x"), ("a.jpg", ""), ("b.jpg", "")}, held_out) == ["a.jpg", "b.jpg"]
    many = {(f"{n}.jpg", f"{n}") for n in range(100)}
    assert shared({("7.jpg", "7")}, many) == [] == shared({("7.jpg", "")}, many)
    assert shared({("7.jpg", "7"), ("8.jpg", "")}, many) == ["7.jpg", "8.jpg"]


def test_weights_say_which_list_is_theirs(tmp_path: Path) -> None:
    run, state = RunFolder(tmp_path / "fold0"), {"weight": torch.arange(6.0).reshape(2, 3)}
    run.write_weights(state)
    assert run.weights.read_bytes() == save(state)  # nothing is known, so nothing is said
    assert trained_on.fault(run.weights) == "" and trained_on.fit_of(run.weights) is None

    trained_on.write(run.path, {("a.jpg", "x")})
    assert trained_on.fault(run.weights) == ""  # weights from before they said anything
    run.write_weights(state)
    assert trained_on.claim(run.path) == {trained_on.CLAIM: sha256(run.path / trained_on.FILE)}
    assert trained_on.fault(run.weights) == "" and trained_on.fit_of(run.weights) == run.path
    assert torch.equal(load_file(run.weights)["weight"], state["weight"])
    once = run.weights.read_bytes()
    run.write_weights(state)
    assert run.weights.read_bytes() == once

    trained_on.write(run.path, {("a.jpg", "x"), ("b.jpg", "y")})
    assert f"{run.weights}: it has learned from the photos of another trained_on.csv than" in trained_on.fault(run.weights)
    (run.path / trained_on.FILE).unlink()
    assert f"{run.path / trained_on.FILE} is missing; copy the one from its fit's folder" in trained_on.fault(run.weights)


def test_other_files_say_nothing(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "a.safetensors", {"format": "pt"})
    torch.save({"weight": torch.zeros(1)}, tmp_path / "b.pt")
    (tmp_path / "c.safetensors").write_bytes(b"half of i")
    for name in ("a.safetensors", "b.pt", "c.safetensors", "nowhere.safetensors"):
        assert trained_on.fault(tmp_path / name) == ""
