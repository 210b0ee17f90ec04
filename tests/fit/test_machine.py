"""Asking the machine: bf16 only where the processor multiplies it."""

from pathlib import Path

import pytest
import torch

from whichwhale.fit import machine
from whichwhale.fit.machine import ask_machine, cpu_gains_from_bf16, keep_freed_memory, peak_memory_mb, usable_cores


def x86(vendor: str, flags: str) -> str:
    core = f"vendor_id\t: {vendor}\nmodel name\t: a processor\nflags\t\t: fpu sse avx2 {flags}\nbugs\t\t: none\n\n"
    return f"processor\t: 0\n{core}processor\t: 1\n{core}"


ARM = "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd sve bf16 i8mm amx_bf16\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize(
    ("cpuinfo", "gains"),
    [
        (x86("GenuineIntel", "avx512f avx512_bf16 amx_bf16 amx_tile amx_int8"), True),
        (x86("AuthenticAMD", "avx512f avx512_bf16"), True),
        (x86("GenuineIntel", "avx512f avx512_bf16"), False),  # no AMX: measured slower
        (x86("GenuineIntel", "avx512f avx512_vnni"), False),
        (x86("AuthenticAMD", "avx512f"), False),
        (x86("AuthenticAMD", "not_avx512_bf16"), False),
        (ARM, False),
        ("", False),
    ],
    ids=["AMX", "AMD AVX512-BF16", "Intel AVX512-BF16 alone", "Intel VNNI", "AMD", "another flag", "Arm", "empty"],
)
def test_which_processors_gain_from_bf16(tmp_path: Path, cpuinfo: str, gains: bool) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(cpuinfo)
    assert cpu_gains_from_bf16(path) is gains


def test_no_cpuinfo(tmp_path: Path) -> None:
    assert cpu_gains_from_bf16(tmp_path / "none") is False
    assert cpu_gains_from_bf16(tmp_path) is False


@pytest.mark.parametrize(("gains", "best"), [(True, "bf16"), (False, "no")])
def test_auto_asks_the_processor_and_a_wish_is_granted(monkeypatch: pytest.MonkeyPatch, gains: bool, best: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(machine, "cpu_gains_from_bf16", lambda: gains)
    found = ask_machine()
    assert (found.device, found.precision, found.threads) == ("cpu", best, torch.get_num_threads())
    assert ask_machine("no").precision == "no" and ask_machine("bf16").precision == "bf16"


@pytest.mark.parametrize(("native", "best"), [(True, "bf16"), (False, "fp16")])
def test_a_gpu(monkeypatch: pytest.MonkeyPatch, native: bool, best: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    found = ask_machine()
    assert (found.device, found.name, found.precision) == ("cuda", "a card", best)


def test_the_allocator_is_told_on_glibc_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
    monkeypatch.undo()
    assert isinstance(keep_freed_memory(), bool)


def test_peak_memory_and_cores() -> None:
    assert 50 < peak_memory_mb() < 100_000  # torch alone takes more than 50 MB
    assert usable_cores() >= 1
