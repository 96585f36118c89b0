"""Where the kernels run: on the GPU if there is one, else in Triton's interpreter."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch


@pytest.fixture(scope="session")
def device():
    return "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(scope="session")
def linear(device):
    """``grouped_linear``, callable on tensors of ``device``.

    Triton chooses between compiler and interpreter when it is imported, for the whole process. So
    the interpreter gets a process of its own and no other test is affected. Tensors reach it in
    shared memory: what it writes, or writes beside, is seen here.
    """
    pytest.importorskip("triton")
    from sparseprune.kernels.grouped_linear import grouped_linear

    if device == "cuda":
        yield grouped_linear
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as worker:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TRITON_INTERPRET", "1")
            worker.submit(os.getpid).result()
        yield lambda *args, **options: worker.submit(grouped_linear, *args, **options).result()
