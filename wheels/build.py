"""Build a wheel that runs on every Linux with glibc 2.28 or newer: ``build.py FOLDER``."""

import os
import platform
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLATFORM = f"manylinux_2_28_{platform.machine()}"


def main() -> None:
    """From the source distribution, so that no leftover of this tree can be in the wheel."""
    target = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as folder:
        run("setup.py", "-q", "sdist", "--dist-dir", folder)
        (sources,) = Path(folder).glob("*.tar.gz")
        built = ("--no-deps", "--no-build-isolation", "--wheel-dir", folder)
        run("-m", "pip", "-q", "wheel", *built, str(sources), **compilers())
        (wheel,) = Path(folder).glob("*.whl")
        # Refuses newer symbols, and names the wheel.
        tags = ("--plat", PLATFORM, "--only-plat", "--wheel-dir", str(target))
        run("-m", "auditwheel", "repair", *tags, str(wheel))


def compilers() -> dict[str, str]:
    """Environment under which setuptools compiles and links with ``c++`` beside this file."""
    compiler = shlex.quote(str(ROOT / "wheels" / "c++"))
    return {
        "CC": compiler,
        "CXX": compiler,
        "KERNEL_CXX": os.environ.get("CXX", "g++"),
        "LDFLAGS": "-s",  # without symbols for debuggers: a fifth of the size
        "WHEEL_PYTHON": sys.executable,
    }


def run(*arguments: str, **environment: str) -> None:
    """Python with these arguments, at the root of the sources; finds the programs beside it."""
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    changed = {**os.environ, "PATH": os.pathsep.join(paths), **environment}
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=changed, check=True)


if __name__ == "__main__":
    main()
