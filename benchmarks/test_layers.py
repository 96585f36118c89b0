"""pytest-benchmark on single layers: ``pytest benchmarks``. Each output is checked, then timed."""

import numpy as np
import pytest
from cases import Layer, layers

UNIT = 2.0**-24


def columns(layer: Layer, x: np.ndarray) -> np.ndarray:
    """What each output position sees, in float64: [positions, inputs * kernel * kernel]."""
    x = x.astype(np.float64)
    if not layer.side:
        return x
    pad, kernel, stride = layer.kernel // 2, layer.kernel, layer.stride
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (2, 3))
    windows = windows[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)
    return windows.reshape(-1, layer.inputs * kernel * kernel)


def check(layer: Layer, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, y: np.ndarray) -> None:
    """gamma_k (|W|·|x| + |b|) for k kept weights, five more roundings to join chains and bias."""
    seen, wide = columns(layer, x), weight.reshape(len(weight), -1).astype(np.float64)
    found = np.moveaxis(y, 1, -1).reshape(-1, layer.outputs)
    steps = int(np.count_nonzero(wide, axis=1).max()) + 5
    size = np.abs(seen) @ np.abs(wide).T + np.abs(bias)
    assert (
        np.abs(found - (seen @ wide.T + bias)) <= steps * UNIT / (1 - steps * UNIT) * size
    ).all()


@pytest.mark.parametrize("layer", list(layers()), ids=lambda layer: layer.name)
def test_layer(benchmark, layer):
    x, weight, bias = layer.arrays()
    program = layer.program(weight, bias)
    (shape,) = program.output_shapes([list(x.shape)])
    y = np.full(shape, np.nan, np.float32)
    program.run([x], [y])
    check(layer, x, weight, bias, y)
    benchmark.extra_info["multiply_adds"] = int(np.count_nonzero(weight)) * y[:, 0].size
    benchmark(program.run, [x], [y])
