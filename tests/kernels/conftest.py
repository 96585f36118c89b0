"""Where the kernels run: on the GPU if there is one, else in Triton's interpreter.

And what the compiler makes of them for GPUs that need not be here: the interpreter runs kernels
that do not compile, and says nothing of spilled registers or narrow copies.
"""

import functools
import importlib
import re
import subprocess
from typing import NamedTuple

import pytest
import torch

TYPES = {torch.float16: "*fp16", torch.bfloat16: "*bf16", torch.float32: "*fp32"}
TYPES |= {torch.int32: "*i32", torch.uint8: "*u8"}
# Bytes of shared memory that a block can have.
SHARED = {80: 163 * 1024, 86: 99 * 1024, 90: 227 * 1024, 100: 227 * 1024}


@pytest.fixture(scope="session")
def device():
    return "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(scope="session")
def call(device, request):
    """Call a function of the kernels on tensors of ``device``."""
    pytest.importorskip("triton")
    if device == "cuda":
        return lambda function, *args, **options: function(*args, **options)
    return request.getfixturevalue("interpreted")


@pytest.fixture(scope="session")
def linear(call):
    """``grouped_linear``, callable on tensors of ``device``."""
    module = importlib.import_module("sparseprune.kernels.grouped_linear")
    return functools.partial(call, module.grouped_linear)


class Compiled(NamedTuple):
    """What one launch became: PTX, the instructions of its longest loop, and what it occupies."""

    ptx: str
    loop: list[str]
    registers: int
    stack: int
    shared: int
    copies: set[int]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Compile a ``Launch`` as Triton would for a GPU of some capability; a ``Compiled``.

    What every kernel must be is asserted here: no spills, shared memory within the limit, no
    scratch memory, and 16 bytes each asynchronous copy.
    """
    triton = pytest.importorskip("triton")
    if importlib.import_module("sparseprune.kernels.launch").INTERPRETED:
        pytest.skip("TRITON_INTERPRET is set")
    folder = tmp_path_factory.mktemp("triton")

    def compile_launch(launch, capability):
        target = importlib.import_module("triton.backends.compiler").GPUTarget
        options = {"num_warps": launch.warps, "enable_fp_fusion": True}
        program = triton.compile(
            source(launch), target=target("cuda", capability, 32), options=options
        )
        result = inspect(triton, program, folder / "kernel.cubin")
        assert result.stack == 0
        assert result.shared <= SHARED[capability]
        assert program.metadata.global_scratch_size == 0
        assert result.copies <= {16}
        return result

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TRITON_CACHE_DIR", str(folder))
        # Their text is a third of the time, and names no instruction.
        environment.setenv("TRITON_DISABLE_LINE_INFO", "1")
        yield compile_launch


@pytest.fixture
def compiled_for():
    """What Triton compiles a ``Launch`` for: see ``source``."""
    return source


def source(launch):
    """The kernel with the types, ones and multiples of 16 that Triton tells from arguments."""
    names = launch.kernel.arg_names
    plain = {p.name for p in launch.kernel.params if p.do_not_specialize}
    any_multiple = {p.name for p in launch.kernel.params if p.do_not_specialize_on_alignment}
    constants = dict(launch.constants)
    types, attributes = dict.fromkeys(launch.constants, "constexpr"), {}
    for name, value in launch.arguments.items():
        if value is None or (isinstance(value, int) and value == 1 and name not in plain):
            types[name], constants[name] = "constexpr", value
            continue
        is_tensor = torch.is_tensor(value)
        types[name] = TYPES[value.dtype] if is_tensor else "i32" if value < 2**31 else "i64"
        if name in plain | any_multiple:
            continue
        if (value.data_ptr() if is_tensor else value) % 16 == 0:
            attributes[(names.index(name),)] = [["tt.divisibility", 16]]
    return importlib.import_module("triton.compiler").ASTSource(
        fn=launch.kernel,
        signature={name: types[name] for name in names},
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs=attributes,
    )


def inspect(triton, program, cubin):
    cubin.write_bytes(program.asm["cubin"])

    def read(tool, *options):
        command = [getattr(triton.knobs.nvidia, tool).path, *options, cubin]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    usage = read("cuobjdump", "-res-usage")
    registers, stack, local = (
        int(re.search(rf"{name}:(\d+)", usage)[1]) for name in ("REG", "STACK", "LOCAL")
    )
    ptx = program.asm["ptx"]
    copies = re.findall(r"cp\.async\.c[ag]\.\S+ \[.+?\], \[.+?\], (\w+)", ptx)
    return Compiled(
        ptx=ptx,
        loop=longest_loop(read("nvdisasm", "-c")),
        registers=registers,
        stack=stack + local,
        shared=program.metadata.shared,
        copies={int(size, 0) for size in copies},
    )


def longest_loop(assembly):
    """Instructions between a label and the farthest jump back to it, without an inner loop."""
    labels, found, jumps = {}, [], []
    for line in assembly.splitlines():
        if label := re.match(r"\s*(\.L_x?_?\w+):", line):
            labels[label[1]] = len(found)
        elif instruction := re.match(
            r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)", line
        ):
            found.append(instruction[1])
            jump = re.search(r"\bBRA.*?`\((\.L_\w+)\)", line)
            if jump and labels.get(jump[1], len(found)) < len(found) - 1:
                jumps.append((labels[jump[1]], len(found)))
    inner = [(a, b) for a, b in jumps if not any(a <= c and d < b for c, d in jumps)]
    return max((found[a:b] for a, b in inner), key=len, default=[])
