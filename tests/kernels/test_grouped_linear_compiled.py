"""What the compiler makes of the kernel for GPUs that need not be here.

The interpreter runs kernels that do not compile, and says nothing of spilled registers or narrow
copies; this does.
"""

import importlib
import re
import subprocess

import pytest
import torch

from sparseprune.kernels.grouped_weight import pack

triton = pytest.importorskip("triton")
compiler = importlib.import_module("triton.compiler")
backend = importlib.import_module("triton.backends.compiler")
kernel = importlib.import_module("sparseprune.kernels.grouped_linear")

pytestmark = pytest.mark.skipif(kernel.INTERPRETED, reason="TRITON_INTERPRET is set")

INDICES = ("pieces_ptr", "first_ptr", "order_ptr")
SIZES = ("M", "N", "stride_x", "stride_y")
# m, rows, width, of which widths differ only in the index arithmetic.
HALF_CASES = [(1, 64, 16), (128, 16, 8), (128, 64, 16), (128, 128, 64)]
SINGLE_CASES = [(16, 64, 8), (64, 128, 4)]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Compile for one case as the launcher would; returns the program and its tiling."""

    def compile_case(capability, dtype, m, rows, width, *, tf32=False, bias=True, wide=True):
        packed = pack(torch.ones(rows, 64, dtype=dtype), rows=rows, width=width)
        tensor_cores = tf32 or dtype == torch.float16
        chosen = kernel.tiling(m, packed, tensor_cores=tensor_cores)
        constants = {
            "BM": chosen.block_m,
            "V": rows,
            "BK": packed.values.shape[2],
            "KC": width,
            "RELU": True,
            "PRECISION": "tf32" if tf32 else "ieee",
            "STAGES": chosen.stages,
        } | ({} if bias else {"bias_ptr": None})
        aligned = {"stride_x", *(("N", "stride_y") if wide else ())}
        source = describe(constants, "*fp16" if dtype == torch.float16 else "*fp32", aligned)
        options = {"num_warps": chosen.warps, "enable_fp_fusion": True}
        target = backend.GPUTarget("cuda", capability, 32)
        return triton.compile(source, target=target, options=options), chosen

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        yield compile_case


def describe(constants, pointer, aligned):
    """The kernel with its argument types; pointers and ``aligned`` sizes divide by 16."""
    names = kernel.grouped_linear_kernel.arg_names
    types = dict.fromkeys(names, pointer) | dict.fromkeys(INDICES, "*i32")
    types |= dict.fromkeys(SIZES, "i32") | dict.fromkeys(constants, "constexpr")
    divisible = [name for name in names if types[name].startswith("*") or name in aligned]
    return compiler.ASTSource(
        fn=kernel.grouped_linear_kernel,
        signature=types,
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs={(names.index(name),): [["tt.divisibility", 16]] for name in divisible},
    )


def assert_sound(program, chosen, rows, tmp_path):
    """No spills; 16-byte copies only, several steps in flight, within the smallest GPU's memory."""
    cubin = tmp_path / "kernel.cubin"
    cubin.write_bytes(program.asm["cubin"])
    usage = subprocess.run(
        [triton.knobs.nvidia.cuobjdump.path, "-res-usage", cubin],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.search(r"STACK:(\d+)", usage)[1] == "0", usage
    assert re.search(r"LOCAL:(\d+)", usage)[1] == "0", usage
    copied = re.findall(r"cp\.async\.c[ag]\.\S+ \[.+?\], \[.+?\], (\w+)", program.asm["ptx"])
    assert copied
    assert {int(size, 0) for size in copied} == {16}
    step = (chosen.block_m + rows) * 128
    assert program.metadata.shared >= (chosen.stages - 1) * step
    assert program.metadata.shared <= 99 * 1024
    assert program.metadata.global_scratch_size == 0


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("case", HALF_CASES, ids=str)
def test_float16(compiled, capability, case, tmp_path):
    program, chosen = compiled(capability, torch.float16, *case)
    assert_sound(program, chosen, case[1], tmp_path)
    # Hopper's own instruction multiplies 64 rows or more.
    if capability == 90 and chosen.block_m >= 64:
        assert f"wgmma.mma_async.sync.aligned.m64n{case[1]}k16.f32.f16.f16" in program.asm["ptx"]
    else:
        instruction = r"\bmma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.f16\.f16\.f32"
        assert re.search(instruction, program.asm["ptx"])


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("case", SINGLE_CASES, ids=str)
def test_float32_multiplies_in_float32(compiled, capability, case, tmp_path):
    program, chosen = compiled(capability, torch.float32, *case)
    assert_sound(program, chosen, case[1], tmp_path)
    assert "mma" not in program.asm["ptx"]
    assert "fma.rn.f32" in program.asm["ptx"]


@pytest.mark.parametrize(
    ("capability", "instruction"),
    [
        (80, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"),
        (90, "wgmma.mma_async.sync.aligned.m64n64k8.f32.tf32.tf32"),
    ],
)
def test_tf32_uses_tensor_cores(compiled, capability, instruction, tmp_path):
    program, chosen = compiled(capability, torch.float32, 128, 64, 8, tf32=True)
    assert_sound(program, chosen, 64, tmp_path)
    assert instruction in program.asm["ptx"]


@pytest.mark.parametrize("capability", [80, 90])
def test_odd_outputs_without_bias(compiled, capability, tmp_path):
    """Rows of y at any address cost narrow stores, but no registers."""
    program, chosen = compiled(capability, torch.float16, 128, 64, 16, bias=False, wide=False)
    assert_sound(program, chosen, 64, tmp_path)
