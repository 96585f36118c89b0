"""What only a GPU can show: clocks, graphs, and cuDNN, cuBLAS and cuSPARSELt themselves."""

import pytest
import torch

import sparseprune as sp

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]
KINDS = [
    (torch.float32, False),
    (torch.float32, True),
    (torch.float16, False),
    (torch.bfloat16, False),
]


@pytest.mark.parametrize("cuda_graph", [False, True])
@pytest.mark.parametrize(("dtype", "tf32"), KINDS)
def test_answers_and_times(resnet, dtype, tf32, cuda_graph):
    x = torch.randn(2, 16, 6, 6)
    with torch.no_grad():
        resnet[1].conv1.weight[:, :16] = 0
        exact = resnet.double()(x.double())
        resnet.float()
    before = torch.get_float32_matmul_precision()
    network = sp.accelerate(resnet, x, dtype=dtype, tf32=tf32, cuda_graph=cuda_graph)
    tolerance = 1e-4 if dtype == torch.float32 and not tf32 else 0.1
    for given in (x, x, x[:1]):
        y = network(given)
        assert y.is_cuda
        apart = (y.cpu().double() - exact[: len(given)]).abs().max()
        assert apart <= tolerance * exact.abs().max()
    assert torch.get_float32_matmul_precision() == before
    rows = network.explain().rows
    assert all(row["candidates"][row["choice"]] <= row["candidates"]["dense"] for row in rows)
    assert all(row["bound_us"] > 0 for row in rows)


def test_two_of_four_are_right_by_cusparselt():
    from sparseprune.accelerator.dense import SemiStructured
    from sparseprune.accelerator.layer import Layer

    torch.manual_seed(0)
    weight = torch.randn(64, 128, device="cuda")
    weight[:, ::2] = 0
    layer = Layer("fc", weight, torch.randn(64, device="cuda"), activation="relu")
    layer = layer.to(torch.device("cuda"), torch.float16)
    for tokens in (1, 8, 30):
        x = torch.randn(tokens, 128, device="cuda", dtype=torch.float16)
        assert torch.allclose(SemiStructured(layer)(x).double(), layer.exact(x, None), atol=0.1)
