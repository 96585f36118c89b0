"""Builds of the engine and of the *_check.cpp programs with other compilers and flags."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCES = TESTS.parents[1] / "csrc"


def find(command):
    """The words of a command: CXX may be "ccache g++"."""
    words = command.split()
    if shutil.which(words[0]) is None or not SOURCES.is_dir():
        pytest.skip(f"needs {words[0]} and the sources")
    return words


def compile_rooms(compiler, flags, rooms, folder):
    """Objects of csrc/ROOM/*.cpp in `folder`, the longest first as there are few processors."""
    sources = [source for room in rooms for source in SOURCES.glob(f"{room}/*.cpp")]
    return compile_all(compiler, flags, sources, folder)


def compile_all(compiler, flags, sources, folder):
    def compile_one(source):
        made = folder / f"{source.parent.name}_{source.stem}.o"
        command = [*compiler, "-std=c++17", *flags, "-I", SOURCES, "-c", source, "-o", made]
        subprocess.run(command, check=True)
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, sorted(sources, key=lambda f: -f.stat().st_size)))


def build_checks(compiler, flags, names, folder):
    """NAME_check.cpp, each with all of the engine; gives {name: program}."""
    engine = compile_rooms(compiler, flags, ("engine", "kernels"), folder)
    mains = compile_all(compiler, flags, [TESTS / f"{name}_check.cpp" for name in names], folder)
    programs = {}
    for main in mains:
        name = main.stem.split("_")[-2]
        programs[name] = folder / name
        subprocess.run([*compiler, *flags, main, *engine, "-o", programs[name]], check=True)
    return programs


def run(command):
    """What it prints; a failure shows what it said."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
