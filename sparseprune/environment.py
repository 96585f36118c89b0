"""What this machine is and can run; every record names it, ``sparseprune doctor`` prints it."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from sparseprune import onnxruntime

_PACKAGES = (
    *("sparseprune", "numpy", "onnxruntime", "onnx", "torch", "triton"),
    *("scipy", "safetensors", "matplotlib"),
)


def versions() -> dict[str, str | None]:
    """Installed version of each package that can change a result; null where it is missing."""
    found = {name: _version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **found}


def machine() -> dict[str, Any]:
    """CPU, cores this process may use, memory in MiB, instruction sets of our kernels, system."""
    return {
        "cpu": _cpu_name(),
        "cores": cores(),
        "memory_mib": _memory_mib(),
        "instruction_sets": _instruction_sets(),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
    }


def cores() -> int:
    """How many cores this process may use (an affinity mask or a container may hide some)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpu() -> str:
    """The CUDA device torch would use, or why there is none."""
    try:
        import torch
    except ImportError:
        return "unknown: torch is not installed"
    if not torch.cuda.is_available():
        return f"none that torch {torch.__version__} can use"
    return str(torch.cuda.get_device_name(0))


def diagnose() -> dict[str, Any]:
    """Everything a bug report needs, JSON-ready."""
    return {
        "machine": machine(),
        "gpu": gpu(),
        "versions": versions(),
        "provider": onnxruntime.status(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_mib() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (ValueError, OSError, AttributeError):
        return None


def _instruction_sets() -> list[str]:
    try:
        from sparseprune import _cpu
    except ImportError:
        return []
    return list(_cpu.available_isas())
