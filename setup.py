"""The compiled and the mapped parts of the build; everything else is in pyproject.toml."""

from pathlib import Path

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import find_packages, setup

ENGINE = [*Path("csrc/engine").glob("*.cpp"), *Path("csrc/kernels").glob("*.cpp")]
# What everything is made anew for: headers, and the lists of what is visible.
SHARED = sorted(str(path) for kind in ("*.h", "*.lds") for path in Path("csrc").rglob(kind))
LIBRARY = "sparseprune.libsparseprune_ort"


def stale(obj, src):
    """Recompile when the source or anything shared is newer than the object."""
    return Path(obj).stat().st_mtime < max(Path(f).stat().st_mtime for f in [src, *SHARED])


def extension(name, room, link_args=()):
    """Engine and kernels plus one room of csrc; equal flags, so objects are compiled once.

    Only the entry points are visible: the host process may hold another C++ library.
    """
    return Pybind11Extension(
        name,
        sorted(map(str, [*ENGINE, *Path("csrc", room).glob("*.cpp")])),
        include_dirs=["csrc"],
        depends=SHARED,
        cxx_std=17,
        extra_compile_args=["-O3", "-Wall", "-Wextra", "-fno-math-errno"],
        extra_link_args=[f"-Wl,--version-script=csrc/{room}/exports.lds", *link_args],
    )


class BuildExt(build_ext):
    """The ONNX Runtime library is a plain shared object, not a Python module."""

    def get_ext_filename(self, name):
        """libsparseprune_ort.so for the library, Python's suffix for modules."""
        if name.endswith("libsparseprune_ort"):
            return str(Path(*name.split("."))) + ".so"
        return super().get_ext_filename(name)


ParallelCompile("SPARSEPRUNE_BUILD_JOBS", default=0, needs_recompile=stale).install()
setup(
    packages=[*find_packages(include=["sparseprune*"]), "sparseprune.kernels"],
    package_dir={"sparseprune.kernels": "kernels"},
    cmdclass={"build_ext": BuildExt},
    ext_modules=[
        extension("sparseprune._cpu", "python"),
        # With the C++ library linked in: hosts need not have one.
        extension(LIBRARY, "ort", ["-static-libstdc++", "-static-libgcc"]),
    ],
)
