"""The real scripts on a small made-up competition of aligned heads: train, predict, blend, submit; and what they refuse."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import ensemble
import predict
import train
import whichwhale
from whichwhale import predictions
from whichwhale.identifier import LoadError
from whichwhale.identify.net import IdentifyObjective
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION
from whichwhale.score import submission

WHALES = [f"whale_{n:02d}" for n in range(6)]


def draw_head(whale: int, rng: np.random.Generator) -> np.ndarray:
    """A dark head with the whale's own two bright patches, in noise."""
    places = np.random.default_rng(whale).integers(12, 52, (2, 2))
    picture = rng.normal(60, 10, (64, 64, 3))
    for x, y in places:
        cv2.circle(picture, (int(x), int(y)), 6, (200, 190, 160), -1)
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A competition of 6 whales with 6 photos each, one more whale with a single photo, and 8 test photos."""
    folder = tmp_path_factory.mktemp("input")
    root, rng = folder / "heads", np.random.default_rng(0)
    (root / "imgs").mkdir(parents=True)
    train_rows = [(f"w_{n}.jpg", WHALES[n % 6]) for n in range(36)] + [("w_36.jpg", "whale_06")]
    test_rows = [(f"w_{n}.jpg", WHALES[n % 6]) for n in range(40, 48)]
    for image, whale in train_rows + test_rows:
        cv2.imwrite(str(root / "imgs" / image), draw_head(int(whale[-2:]), rng))
    (root / "imgs" / "w_47.jpg").write_bytes(b"not a picture")
    pd.DataFrame(train_rows, columns=["Image", "whaleID"]).to_csv(root / "train.csv", index=False)
    sample = pd.DataFrame({"Image": [image for image, _ in test_rows]} | dict.fromkeys([*WHALES, "whale_06"], 1 / 7))
    sample.to_csv(root / "sample_submission.csv", index=False)
    pd.DataFrame({"Image": ["w_0.jpg", "w_1.jpg"], "callosity": [0, 2]}).to_csv(folder / "callosity.csv", index=False)
    return folder


CONFIG = """
dataset: heads
data: {root: heads, skip_bad: true}
folds: {count: 2}
passports: {view: {width: 64, height: 64}}
view: {width: 32, height: 32}
backbone: {name: test_resnet, weights: false}
auxiliary: {weight: 0.1, table: callosity.csv}
augment: {photometric: light, geometry: {mirror: 0, rotation: 3, zoom: 0.03, shift: 0.02, stretch: 0.02}}
fit: {epochs: 12, batch_size: 8, lr: 5e-3, validate_every: 4, precision: "no"}
views: {mirror: false}
"""


@pytest.fixture
def config(heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(heads))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG)
    return path


def test_from_crops_to_a_valid_submission(config: Path, heads: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert train.main([str(config)]) == 0
    assert predict.main([str(config)]) == 0
    run = tmp_path / "runs" / "heads" / "tiny"
    fold0, everything = predictions.read(run / "fold0" / "predictions.npz"), predictions.read(run / "foldall" / "predictions.npz")
    assert {role: int((fold0.role == role).sum()) for role in (0, 1, 2)} == {ROLE_TRAIN: 19, ROLE_VALIDATION: 18, ROLE_TEST: 7}
    assert not (everything.role == ROLE_VALIDATION).any()  # nothing that a fit saw is called held out
    assert "w_47.jpg#0" not in fold0.item  # unreadable: no prediction, but a row in the submission

    output = tmp_path / "submission.csv.gz"
    ensemble_config = tmp_path / "ensemble.yaml"
    ensemble_config.write_text(f"dataset: heads\nmembers: [tiny]\noutput: {output}\n")
    assert ensemble.main([str(ensemble_config)]) == 0
    submission.validate(output, heads / "heads" / "sample_submission.csv")
    answer = submission.read(output)
    guesses = [answer.class_id[i] for i in answer.p.argmax(1)][:7]
    assert sum(guess == WHALES[n % 6] for n, guess in zip(range(40, 47), guesses, strict=True)) >= 5
    prior = np.array([7, 7, 7, 7, 7, 7, 2]) / 44  # (photos + 1) / (all + whales)
    np.testing.assert_allclose(answer.p[7], prior, rtol=1e-4)

    identifier = whichwhale.load(tmp_path / "runs" / "heads" / "ensemble")
    names = [identifier.class_id.index(whale) for whale in answer.class_id]
    photos = [heads / "heads" / "imgs" / f"w_{n}.jpg" for n in range(40, 47)]
    np.testing.assert_allclose(identifier.probabilities(photos)[:, names], answer.p[:7], rtol=1e-3, atol=1e-5)
    # Its fits count as they did for the test photos, and it answers in the way that was chosen.
    for name, how in {"folds": "test=folds", "all": "test=all", "trees": "choose=trees", "mean": "choose=mixture+prior"}.items():
        other, kept = tmp_path / f"{name}.csv", tmp_path / "runs" / "heads" / name
        assert ensemble.main([str(ensemble_config), f"name={name}", how, f"output={other}"]) == 0
        rows = submission.read(other).p[:7]
        assert np.abs(rows - answer.p[:7]).max() > 1e-3
        np.testing.assert_allclose(whichwhale.load(kept).probabilities(photos)[:, names], rows, rtol=1e-3, atol=1e-5)
    near = tmp_path / "near.csv"
    for name, how in (("near", []), ("near_trees", ["choose=trees", "neighbours_scale=fit"])):  # trees see the cosines too
        both = ["members=[tiny,tiny_neighbours]", f"name={name}", f"output={near}", *how]
        assert ensemble.main([str(ensemble_config), *both]) == 0
        rows = submission.read(near).p[:7]
        assert (rows.argmax(1) == answer.p[:7].argmax(1)).sum() >= 5 and np.abs(rows - answer.p[:7]).max() > 1e-3
        near_identifier = whichwhale.load(tmp_path / "runs" / "heads" / name)
        np.testing.assert_allclose(near_identifier.probabilities(photos)[:, names], rows, rtol=5e-3, atol=1e-5)
    first, second = identifier.identify(photos[0], top=2)
    assert first.whale == guesses[0] and first.probability > second.probability
    assert len(whichwhale.load(run).identify(photos[0], top=None)) == 7
    bad = heads / "heads" / "imgs" / "w_47.jpg"
    assert predict.main([str(photos[0]), "--model", str(run / "fold0"), str(bad), "--top", "1"]) == 1
    printed = capsys.readouterr()
    assert "whale_0" in printed.out and "w_47.jpg" in printed.err
    with pytest.raises(LoadError, match="neither a blend"):
        whichwhale.load(tmp_path)
    weights = run / "foldall" / "model.safetensors"
    weights.rename(tmp_path / "elsewhere")
    assert whichwhale.load(tmp_path / "runs" / "heads" / "folds")
    with pytest.raises(LoadError, match=r"tiny: foldall has no model.safetensors, but .* \(test=both\)"):
        whichwhale.load(tmp_path / "runs" / "heads" / "ensemble")
    (tmp_path / "elsewhere").rename(weights)

    capsys.readouterr()
    assert train.main([str(config)]) == 0 and predict.main([str(config)]) == 0
    assert capsys.readouterr().out.count("already") == 6  # done work is not done again


def test_another_config_in_the_same_folder_is_refused_by_key(config: Path, capsys: pytest.CaptureFixture) -> None:
    assert train.main([str(config), "fold=0", "fit.epochs=1"]) == 0
    assert train.main([str(config), "fold=0", "fit.epochs=2"]) == 2
    assert "fit.epochs: 1 -> 2" in capsys.readouterr().err


def test_prediction_without_a_fit_says_what_to_do(config: Path, capsys: pytest.CaptureFixture) -> None:
    assert predict.main([str(config), "fold=0"]) == 2
    assert "run train.py first" in capsys.readouterr().err


def test_a_fit_with_mixed_pictures_that_was_killed_ends_like_one_that_ran_through(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ["fold=0", "fit.epochs=3", "fit.warmup=0", "fit.checkpoint_minutes=0", "augment.wash=0.3"]
    settings += ["augment.mix.cutmix=1", "augment.mix.mixup=0.4", "augment.mix.until=0.5"]
    settings += ["augment.geometry.jitter=0.02", "augment.geometry.perspective=0.1"]
    forward, steps = IdentifyObjective.forward, []

    class Killed(BaseException):
        pass

    def counted(self: IdentifyObjective, batch: dict) -> dict:
        steps.append("mix" in batch)
        if len(steps) in moments:
            raise Killed
        return forward(self, batch)

    monkeypatch.setattr(IdentifyObjective, "forward", counted)
    moments: set[int] = set()
    assert train.main([str(config), *settings, "name=whole"]) == 0
    assert steps == [True] * 4 + [False] * 2  # two batches an epoch; mixed in epochs 0 and 1, those before 0.5 * 3
    steps.clear()
    moments = {2, 5}
    for _ in range(2):
        with pytest.raises(Killed):
            train.main([str(config), *settings, "name=killed"])
    assert train.main([str(config), *settings, "name=killed"]) == 0
    whole, killed = (load_file(tmp_path / "runs/heads" / name / "fold0" / "model.safetensors") for name in ("whole", "killed"))
    for key in whole:
        assert torch.equal(whole[key], killed[key]), key


def test_predictions_made_before_there_were_rotated_views_are_recognised(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    settings = [str(config), "fold=0", "fit.epochs=1", "fit.warmup=0"]
    assert train.main(settings) == 0 and predict.main(settings) == 0
    table = predictions.read(tmp_path / "runs" / "heads" / "tiny" / "fold0" / "predictions.npz")
    assert table.averaging.endswith('; {"mirror":false,"shifts":[[0.0,0.0]],"zooms":[1.0]}')  # as it stood in the first files
    assert predict.main([*settings, "views.rotations=[0, -5, 5]"]) == 0
    turned = predictions.read(tmp_path / "runs" / "heads" / "tiny" / "fold0" / "predictions.npz")
    assert turned.views == 3 and '"rotations":[0.0,-5.0,5.0]' in turned.averaging
    assert not np.allclose(turned.logits, table.logits, equal_nan=True)
    assert capsys.readouterr().out.count("written already") == 0


def test_all_roles_get_the_mean_over_the_same_views(config: Path, tmp_path: Path) -> None:
    """Held-out photos too: what is learnt from their rows (weights, powers) is then right for the test photos."""
    settings = [str(config), "fold=0", "fit.epochs=1", "fit.warmup=0"]
    assert train.main(settings) == 0
    rows = []
    for views in ("rotations: [0]", "rotations: [8]", "zooms: [1.2]", "rotations: [0, 8], zooms: [1, 1.2]"):
        assert predict.main([*settings, f"views={{{views}}}"]) == 0
        rows.append(predictions.read(tmp_path / "runs" / "heads" / "tiny" / "fold0" / "predictions.npz"))
    both = [str(config), "fold=0", "fit.epochs=1", "fit.warmup=0", "views={rotations: [8], zooms: [1.2]}"]
    assert predict.main(both) == 0
    rows.insert(3, predictions.read(tmp_path / "runs" / "heads" / "tiny" / "fold0" / "predictions.npz"))
    single, together = rows[:4], rows[4]
    assert together.views == 4 and set(together.role) == {ROLE_TRAIN, ROLE_VALIDATION, ROLE_TEST}
    mean = np.mean([one.logits for one in single], axis=0)
    np.testing.assert_allclose(together.logits, mean, rtol=1e-4, atol=1e-5)
    for role in (ROLE_TRAIN, ROLE_VALIDATION, ROLE_TEST):
        of = together.role == role
        assert all(np.nanmax(np.abs(one.logits[of] - together.logits[of])) > 1e-4 for one in single)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "odd.csv: no such table of auxiliary labels"),
        ("Image,kind\nw_0.jpg,0\n", "odd.csv: has no column ['callosity']; its columns are ['Image', 'kind']"),
        ("Image,callosity\nphoto_0,0\nphoto_1,2\n", "odd.csv: 0 of the 37 training photos have a label in column callosity"),
        ("Image,callosity\nw_0.jpg,0\nw_1.jpg,1\n", "1 of the 37 training photos have a label in column callosity (kinds: 0;"),
        ("Image,callosity\nw_0.jpg,0\nw_0.jpg,2\n", "odd.csv: w_0.jpg is labelled 0 and 2 in column callosity; keep one row"),
    ],
    ids=["missing", "column", "other photos", "one kind", "twice"],
)
def test_an_auxiliary_table_that_teaches_nothing_is_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture, table: str | None, message: str
) -> None:
    path = tmp_path / "odd.csv"
    if table is not None:
        path.write_text(table)
    assert train.main([str(config), "fold=0", f"auxiliary.table={path}"]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "runs" / "heads" / "tiny").exists()


def test_a_horizon_in_the_picture_is_refused(config: Path, capsys: pytest.CaptureFixture) -> None:
    assert train.main([str(config), "augment.geometry.perspective=0.3", "view.field=[4, 3]"]) == 2
    assert "would bring the horizon into a view.field of 4.0 x 3.0 d; at most 0.25" in capsys.readouterr().err


@pytest.fixture
def broken(config: Path, heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The competition with photos missing (w_3; w_36, the only one of whale_06) or cut off (w_4), and a row twice."""
    shutil.copytree(heads, tmp_path / "input")
    root = tmp_path / "input" / "heads"
    for name in ("w_3.jpg", "w_36.jpg"):
        (root / "imgs" / name).unlink()
    data = (root / "imgs" / "w_4.jpg").read_bytes()
    (root / "imgs" / "w_4.jpg").write_bytes(data[: len(data) // 2])
    with (root / "train.csv").open("a") as table:
        table.write("w_0.jpg,whale_00\n")
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    return root


def test_all_that_is_wrong_is_told_before_training(
    config: Path, broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert train.main([str(config), "fold=0", "data.skip_bad=false"]) == 2
    told = capsys.readouterr().err
    assert "line 39: duplicate row: w_0.jpg" in told
    for part in ("w_3.jpg: missing photo", "w_4.jpg: unreadable photo", "w_36.jpg", "w_47.jpg"):
        assert part in told
    assert told.endswith("data.skip_bad=true goes on without 3 bad training photos; 1 bad test photos then get the class prior\n")
    assert not (tmp_path / "runs" / "heads" / "tiny").exists()


def test_every_script_goes_on_without_bad_photos(
    config: Path, broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    changes = ["fit.epochs=1", "auxiliary.weight=0"]
    assert train.main([str(config), *changes]) == 0
    skipped = "skipped 3 bad training photos (first w_3.jpg), 34 remain; 1 duplicate rows count once; 1 bad test photos get"
    assert skipped in capsys.readouterr().out
    assert predict.main([str(config), *changes]) == 0
    assert skipped in capsys.readouterr().out
    table = predictions.read(tmp_path / "runs" / "heads" / "tiny" / "foldall" / "predictions.npz")
    assert {role: int((table.role == role).sum()) for role in (0, 2)} == {ROLE_TRAIN: 34, ROLE_TEST: 7}
    assert np.isnan(table.logits[:, table.class_id.tolist().index("whale_06")]).all()
    blend = tmp_path / "ensemble.yaml"
    blend.write_text(f"dataset: heads\nmembers: [tiny]\ndata: {{skip_bad: true}}\noutput: {tmp_path / 'submission.csv'}\n")
    assert ensemble.main([str(blend)]) == 0
    assert skipped in capsys.readouterr().out
    answer = submission.read(tmp_path / "submission.csv")
    prior = np.array([7, 7, 7, 6, 6, 7, 1]) / 41  # whale_03 and whale_04 lost a photo, whale_06 its only one
    np.testing.assert_allclose(answer.p[7], prior, rtol=1e-4)
    assert ensemble.main([str(blend), "data.skip_bad=false"]) == 2
    assert "duplicate row" in capsys.readouterr().err


TWINS = ["mirrored=twin", "augment.geometry.mirror=0.5", "views.mirror=true"]


@pytest.mark.parametrize(
    "kind",
    [
        ["head.kind=softmax"],
        ["head.kind=arcface"],
        ["head.kind=arcface", *TWINS],
        ["head={kind: triplet, dims: 8, bn_neck: true}", "sampler={kind: pk, photos: 2}", *TWINS],
    ],
    ids=["softmax", "arcface", "twins", "triplet-twins"],
)
def test_whales_are_held_out_whole_and_then_have_nan_columns(config: Path, tmp_path: Path, kind: list[str]) -> None:
    changes = ["folds.kind=disjoint", "fit.epochs=1", "fold=0", "auxiliary.weight=0", *kind]
    assert train.main([str(config), *changes]) == 0 and predict.main([str(config), *changes]) == 0
    run = tmp_path / "runs" / "heads" / "tiny" / "fold0"
    table = predictions.read(run / "predictions.npz")
    held_out = table.item[table.role == ROLE_VALIDATION]
    unseen = np.isnan(table.logits).all(0)
    assert unseen.sum() == 3 and len(held_out) == 18
    # Every photo of a held-out whale is held out: photo n shows whale n % 6.
    whales = {WHALES[int(item.split(".")[0][2:]) % 6] for item in held_out}
    assert whales == {whale for whale, never in zip(table.class_id, unseen, strict=True) if never}
    assert np.isfinite(table.logits[:, ~unseen]).all()
    np.testing.assert_allclose(np.linalg.norm(table.embedding, axis=1), 1, rtol=1e-5)
    assert json.loads((run / "classes.json").read_text())["whales"] == [*sorted(set(WHALES) - whales), "whale_06"]
    metrics = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    scores = {key: metrics[key] for key in metrics if key in ("log_loss", "top1", "top5") or key.startswith("new_")}
    assert scores.keys() == {"new_neighbour", "new_auc"} and all(0 < value <= 1 for value in scores.values())


TWO_PROCESSES = """
import os, sys
import train
import whichwhale.identify.door
sys.stdout.flush()
port, children = sys.argv[1], []
for rank in ("0", "1"):
    child = os.fork()
    if not child:
        count = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        os.environ |= count | {"RANK": rank, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        code = train.main(sys.argv[2:])
        sys.stdout.flush()
        os._exit(code)
    children.append(child)
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork")
@pytest.mark.parametrize(
    "head", [[], ["head={kind: triplet, dims: 8}", "sampler={kind: pk, whales: 4, photos: 2}"]], ids=["softmax", "triplet"]
)
def test_two_processes_fit_one_model_and_one_of_them_writes(config: Path, tmp_path: Path, head: list[str]) -> None:
    """As torchrun would start them: both folds, one folder and one voice each, and what they fitted predicts."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = str(one.getsockname()[1])
    command = [sys.executable, "-c", TWO_PROCESSES, port, str(config), "fold=[0,1]", "fit.epochs=2", *head]
    root = Path(train.__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}:{root}"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    for fold in (0, 1):
        run = tmp_path / "runs" / "heads" / "tiny" / f"fold{fold}"
        assert done.stdout.count(f"{run}: fitted") == 1
        assert [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [1, 2]
        assert json.loads((run / "status.json").read_text())["state"] == "fitted"
        assert not (run / "checkpoints").exists()
    assert predict.main([str(config), "fold=[0,1]", "fit.epochs=2", *head]) == 0
