"""What the fuzzers compile: the parsers, and the whole library, with sanitizers."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
CSRC = HERE.parents[1] / "csrc"
PARSERS = ("engine/tuning_text", "engine/cpu", "engine/weights", "ort/json", "ort/encoding")
SANITIZED = ["-std=c++17", "-O1", "-g1", "-fPIC", f"-I{CSRC}"]
SANITIZED += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compiler() -> list[str]:
    return os.environ.get("CXX", "g++").split()


def parsers(folder: Path) -> Path:
    """The program of parsers_check.cpp."""
    sources = [CSRC / f"{name}.cpp" for name in (*PARSERS, "ort/tensor")]
    program = folder / "parsers_check"
    command = [*compiler(), *SANITIZED, HERE / "parsers_check.cpp", *sources, "-o", program]
    subprocess.run(command, check=True)
    return program


def library(folder: Path) -> Path:
    """Without optimisation: the AVX-512 kernels alone take half a minute with it."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = [*SANITIZED, "-O0"]

    def compile_one(source: Path) -> Path:
        made = folder / f"{source.parent.name}_{source.stem}.o"
        subprocess.run([*compiler(), *flags, "-c", source, "-o", made], check=True)
        return made

    sources = sorted(CSRC.glob("engine/*.cpp")) + sorted(CSRC.glob("kernels/*.cpp"))
    sources += sorted(CSRC.glob("ort/*.cpp"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    made = folder / "libsparseprune_ort_sanitized.so"
    subprocess.run([*compiler(), *flags, "-shared", *objects, "-o", made], check=True)
    return made


def environment(library: Path) -> dict[str, str]:
    """For a process that loads it: the sanitizers' runtime goes first."""
    names = ("libasan.so", "libubsan.so", "libstdc++.so")
    paths = [
        subprocess.run(
            [*compiler(), f"-print-file-name={name}"], check=True, capture_output=True, text=True
        ).stdout.strip()
        for name in names
    ]
    return {
        "SPARSEPRUNE_ORT_LIBRARY": str(library),
        "LD_PRELOAD": " ".join(paths),
        # Python and ONNX Runtime keep memory to the end.
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
