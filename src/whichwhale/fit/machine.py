"""Asking the machine what it can do, and telling the allocator what a training needs."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

Precision = Literal["auto", "no", "bf16", "fp16"]


@dataclass(frozen=True)
class Machine:
    """What was found: `device` cpu | cuda | mps, its `name`, and the mixed precision that pays there."""

    device: str
    name: str
    precision: str
    threads: int


def ask_machine(precision: Precision = "auto") -> Machine:
    """Find the device and, for `auto`, the precision: bf16 where the processor multiplies it, fp16 on older GPUs, else fp32.

    On a CPU bf16 must be asked of the instructions (`cpu_gains_from_bf16`): where it is emulated it is several times slower.
    """
    if torch.cuda.is_available():
        device, name = "cuda", torch.cuda.get_device_name()
        best = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    elif torch.backends.mps.is_available():
        device, name, best = "mps", platform.processor(), "no"
    else:
        device, name = "cpu", platform.processor() or platform.machine()
        best = "bf16" if cpu_gains_from_bf16() else "no"
    return Machine(device, name, best if precision == "auto" else precision, torch.get_num_threads())


def cpu_gains_from_bf16(cpuinfo: str | Path = "/proc/cpuinfo") -> bool:
    """Whether training in bf16 pays on this processor; False where that can't be known.

    It does with AMX, and with AVX512-BF16 on AMD, whose bf16 products are twice as many a cycle as its fp32 ones. Intel's
    AVX512-BF16 without AMX (which a hypervisor may hide) gives none of that: measured on 2 such cores with torch 2.14, 128 px,
    batch 32, channels-last, training images/s: resnet18 fp32 57, bf16 36; tf_efficientnet_lite0 fp32 64, bf16 57.
    """
    try:
        text = Path(cpuinfo).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    facts = [line.partition(":")[::2] for line in text.splitlines()]
    flags = {flag for key, value in facts if key.strip() == "flags" for flag in value.split()}
    amd = any(key.strip() == "vendor_id" and value.strip() == "AuthenticAMD" for key, value in facts)
    return "amx_bf16" in flags or ("avx512_bf16" in flags and amd)


def keep_freed_memory() -> bool:
    """Tell glibc to keep large freed blocks instead of returning them to the system; returns whether it was told.

    Each training step frees and takes the same large blocks; returning them costs page faults (measured: 1.2 to 2.5 times
    slower steps on a CPU). Memory is then not given back before the process ends, so the peak is what counts.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(mmap_threshold, 1 << 30) and libc.mallopt(trim_threshold, 2**31 - 1))


@contextmanager
def evaluating(net: nn.Module, precision: Precision) -> Iterator[torch.device]:
    """Inside, `net` is on the machine's device and in eval mode, and nothing is kept for a gradient; yields the device.

    Afterwards it is in the mode that it was in, still on the device.
    """
    keep_freed_memory()
    machine = ask_machine(precision)
    device, half = torch.device(machine.device), {"bf16": torch.bfloat16, "fp16": torch.float16}.get(machine.precision)
    training = net.training
    net.eval().to(device, memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast(device.type, half, enabled=half is not None):
        yield device
    net.train(training)


def peak_memory_mb() -> float:
    """The largest resident memory of this process so far, in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def usable_cores() -> int:
    """Cores that this process may run on (a container may allow fewer than there are)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
