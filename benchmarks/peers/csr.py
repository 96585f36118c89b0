"""Compressed sparse rows, for networks of linear layers: scipy's own loops, and torch with MKL."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from cases import Floats
from torch import nn

from peers import Job, MissingError, Peer


def scipy(job: Job) -> Peer:
    try:
        import scipy
        from scipy import sparse
    except ImportError as error:
        raise MissingError("scipy is not installed") from error
    layers = [
        (sparse.csr_matrix(layer.weight.detach().numpy()), layer.bias.detach().numpy()[:, None])
        for layer in _linear(job)
    ]

    def call() -> Floats:
        # Features first: what scipy's product wants to read and gives.
        x = np.ascontiguousarray(job.batch.T)
        for number, (weight, bias) in enumerate(layers):
            x = weight @ x + bias
            if number < len(layers) - 1:
                np.maximum(x, 0, out=x)
        return np.ascontiguousarray(x.T)

    return Peer(call, {"version": scipy.__version__, "precision": "f32"})


def mkl(job: Job) -> Peer:
    """torch's sparse CSR tensors; their products call MKL."""
    if not torch.backends.mkl.is_available():
        raise MissingError("torch is built without MKL")
    torch.set_num_threads(job.threads)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        layers = [
            (layer.weight.detach().to_sparse_csr(), layer.bias.detach()[:, None])
            for layer in _linear(job)
        ]
    batch = torch.from_numpy(job.batch)

    def call() -> Floats:
        with torch.inference_mode():
            x = batch.T.contiguous()
            for number, (weight, bias) in enumerate(layers):
                x = torch.sparse.mm(weight, x).add_(bias)
                if number < len(layers) - 1:
                    x.relu_()
            return x.T.contiguous().numpy()

    return Peer(call, {"version": torch.__version__, "precision": "f32"})


def _linear(job: Job) -> list[Any]:
    """The layers of a chain with rectifiers between."""
    return [module for module in job.twin.modules() if isinstance(module, nn.Linear)]


CSR: dict[str, Callable[[Job], Peer]] = {"scipy-csr": scipy, "torch-csr": mkl}
