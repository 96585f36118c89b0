"""A build of the provider that answers wrongly, to see that the checks notice.

Compiled from the same sources with SPARSEPRUNE_FLIP_PACKED_WEIGHTS, which makes the packer flip
the sign of that many weights in every packed piece of a layer.
"""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CSRC = Path(__file__).parents[2] / "csrc"
FLAGS = ["-std=c++17", "-O1", "-fPIC", "-g0", f"-I{CSRC}", "-DSPARSEPRUNE_FLIP_PACKED_WEIGHTS=3"]


def build(folder: Path) -> Path:
    """Compile and link the library in ``folder``; gives its path."""
    compiler = os.environ.get("CXX", "c++").split()
    sources = sorted(
        p for room in ("engine", "kernels", "ort") for p in (CSRC / room).glob("*.cpp")
    )

    def compile_one(source: Path) -> Path:
        made = folder / f"{source.parent.name}_{source.stem}.o"
        subprocess.run([*compiler, *FLAGS, "-c", source, "-o", made], check=True)
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    library = folder / "libsparseprune_ort_faulty.so"
    script = f"-Wl,--version-script={CSRC / 'ort' / 'exports.lds'}"
    static = ["-static-libstdc++", "-static-libgcc"]
    subprocess.run([*compiler, "-shared", *static, script, *objects, "-o", library], check=True)
    return library
