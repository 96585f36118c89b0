"""csrc/ort/abi.h against ONNX Runtime's own headers, where ORT_INCLUDE_DIR names their folder."""

import os
import re
import subprocess
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"
HEADER = (CSRC / "ort" / "abi.h").read_text()

# Both are called the same way: as many arguments, each a pointer in both or of one size in both.
COMPARE = """
#include <onnxruntime_c_api.h>
#include <cstddef>
#include <type_traits>
#include "ort/abi.h"

template <class A, class B>
constexpr bool kSame = std::is_void_v<A> ? std::is_void_v<B>
                       : std::is_pointer_v<A> ? std::is_pointer_v<B>
                                              : sizeof(A) == sizeof(B);
template <> constexpr bool kSame<void, void> = true;
template <class A, class B> struct Alike : std::false_type {};
template <class R, class... A, class S, class... B>
struct Alike<R (*)(A...), S (*)(B...)> {
  template <bool fits> static constexpr bool Check() {
    if constexpr (fits) return kSame<R, S> && (kSame<A, B> && ...);
    return false;
  }
  static constexpr bool value = Check<sizeof...(A) == sizeof...(B)>();
};
template <class T> struct Plain { using type = T; };
template <class R, class... A> struct Plain<R (*)(A...) noexcept> { using type = R (*)(A...); };
namespace abi = sparseprune::abi;
"""


def slots():
    """(number, name, table): every slot abi.h declares."""
    header = HEADER.replace("\n", " ")
    split = header.index("// OrtEpApi")
    pattern = r"constexpr Slot<(\d+), .*?> (\w+);"
    for match in re.finditer(pattern, header):
        yield int(match[1]), match[2], "OrtApi" if match.start() < split else "OrtEpApi"


def fields():
    """(structure, field): everything we fill in."""
    for structure in re.finditer(r"struct (\w+) \{\n(.*?)\n\};", HEADER, re.DOTALL):
        name, body = structure.groups()
        if name in ("CustomOp", "NodeFusionOptions", "NodeComputeInfo", "Ep", "EpFactory"):
            found = re.findall(r"CALL\* (\w+)\)\(|(?:void\*|uint32_t|bool) (\w+);", body)
            yield from ((name, a or b) for a, b in found)


def test_every_declaration_is_found():
    """The two patterns above do not miss a line."""
    assert len(list(slots())) == HEADER.count("inline constexpr Slot<") > 30
    assert len({number for number, _, table in slots() if table == "OrtApi"}) > 30
    counts = [name for name, _ in fields()]
    sizes = {name: counts.count(name) for name in counts}
    # Eight bytes each: see the static_asserts in abi.h.
    expected = {"CustomOp": 26, "NodeFusionOptions": 2, "NodeComputeInfo": 4}
    assert sizes == {**expected, "Ep": 13, "EpFactory": 14}


@pytest.mark.skipif("ORT_INCLUDE_DIR" not in os.environ, reason="ORT_INCLUDE_DIR is not set")
def test_declarations_agree_with_the_official_headers(tmp_path):
    lines = [COMPARE]
    for number, name, table in slots():
        lines.append(f"static_assert(offsetof({table}, {name}) == {number} * sizeof(void*));")
        official = f"Plain<decltype({table}::{name})>::type"
        ours = f"decltype(abi::{name})::Function"
        lines.append(f'static_assert(Alike<{official}, {ours}>::value, "{name}");')
    for structure, field in fields():
        official = f"offsetof(Ort{structure}, {field})"
        lines.append(f"static_assert({official} == offsetof(abi::{structure}, {field}));")
    source = tmp_path / "compare.cpp"
    source.write_text("\n".join(lines))
    include = [f"-I{CSRC}", f"-I{os.environ['ORT_INCLUDE_DIR']}"]
    compiler = os.environ.get("CXX", "c++")
    flags = ["-std=c++17", "-fsyntax-only", "-Wno-invalid-offsetof"]
    subprocess.run([compiler, *flags, *include, source], check=True)
