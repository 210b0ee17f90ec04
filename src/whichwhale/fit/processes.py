"""Several processes that train one model (torchrun): the main one writes, the others keep step with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import torch
from accelerate import PartialState
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from whichwhale.fit.machine import ask_machine

# The others wait while the main one decodes a whole competition; the libraries' own limits are minutes.
PATIENCE = timedelta(hours=24)


def is_main() -> bool:
    """Whether this process is the one that writes files and talks; the only one, without torchrun."""
    return _state().is_main_process


@contextlib.contextmanager
def main_first() -> Iterator[None]:
    """The main process goes through the block first, the others when it is done: they find its files made."""
    with _state().main_process_first():
        yield


@contextlib.contextmanager
def together() -> Iterator[None]:
    """What a script does as one of several processes: only the main one prints, and in the end they part in good order."""
    with contextlib.redirect_stdout(None) if not is_main() else contextlib.nullcontext():
        yield
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        PartialState._reset_state()


def shared_norms(net: nn.Module) -> nn.Module:
    """Let the batch norms of `net` go by the items of all processes; those that stay in evaluation in training are left alone.

    By timm's own conversion: torch's would drop the activation that is a part of many a timm network's batch norm.
    """
    from timm.layers import convert_sync_batchnorm  # slow to import: few need it

    net.train()
    still = {name: module for name, module in net.named_modules() if isinstance(module, _BatchNorm) and not module.training}
    net = convert_sync_batchnorm(net)
    for name, module in still.items():
        net.set_submodule(name, module)
    return net


def _state() -> PartialState:
    """The library sees several processes on a CPU only if it is told that it is one."""
    return PartialState(cpu=ask_machine("no").device == "cpu", timeout=PATIENCE)
