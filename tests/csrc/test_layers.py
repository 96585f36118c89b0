"""The layers that are benchmarked, an eighth as wide, against float64."""

import pytest
from cases import layers


@pytest.mark.parametrize("layer", list(layers()), ids=lambda layer: layer.name)
def test_layer(isa, layer, engine):
    layer = layer.small()
    x, weight, bias = layer.arrays()
    program = layer.program(weight, bias, isa)
    found = engine.run_program(program, [x])
    if not layer.side:
        x, weight, found = x[..., None, None], weight[..., None, None], found[..., None, None]
    expected = engine.convolve(x, weight, bias, **layer.window)
    engine.assert_within(found, expected, engine.convolve_bound(x, weight, bias, **layer.window))
