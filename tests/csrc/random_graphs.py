"""Random small networks, as the dicts of graph_reference.py, and inputs for them."""

import numpy as np

BATCHES = [1, 1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 31, 32, 33]
EXTENTS = [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 17, 20]


class Network:
    """One to seven layers behind an input of maps, or of vectors, and what goes into them."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes = []
        self.shapes = []  # of one image, by value
        maps = self.draw(5) > 0
        self.size = [self.pick(EXTENTS), self.pick(EXTENTS)] if maps else []
        self.shapes.append([1 + self.draw(6), *self.size])
        for _ in range(1 + self.draw(7)):
            self.grow()
        if self.draw(2) and len(self.shapes[-1]) == 3:
            self.head()
        if self.draw(3) == 0 and len(self.shapes[-1]) == 1:
            self.softmax(len(self.shapes) - 1)
        last = len(self.shapes) - 1
        self.outputs = [last, self.draw(last + 1)]

    def draw(self, below):
        return int(self.rng.integers(below))

    def pick(self, choices):
        return choices[self.draw(len(choices))]

    def emit(self, op, inputs, shape, **attributes):
        self.nodes.append({"op": op, "inputs": inputs, "output": len(self.shapes), **attributes})
        self.shapes.append(list(shape))
        return len(self.shapes) - 1

    def grow(self):
        """One more layer on the last value, or now and then on an earlier one."""
        last = len(self.shapes) - 1
        value = self.draw(last + 1) if self.draw(6) == 0 else last
        anywhere = [self.sum, self.product, self.activation, self.scale, self.concat]
        if len(self.shapes[value]) == 1:
            grow = self.pick([self.linear, self.linear, self.softmax, *anywhere])
        else:
            layers = [self.conv, self.conv, self.conv, self.residual, self.grouped]
            others = [self.max_pool, self.average_pool, self.global_average, self.resize, self.gate]
            grow = self.pick([*layers, *others, *anywhere])
        grow(value)

    def head(self):
        pool = self.draw(2)
        last = len(self.shapes) - 1
        flat = self.global_average(last, keep_dims=False) if pool else self.flatten(last)
        self.linear(flat)

    def weight(self, *shape):
        """All zero, dense, or pruned: at random, in blocks of 2, 4 or 8 rows, with empty rows."""
        rows = shape[0]
        density = self.pick([0.0, 0.05, 0.1, 0.3, 0.6, 1.0, 1.0])
        block = self.pick([1, 1, 2, 4, 8])
        keep = np.repeat(self.rng.random((-(-rows // block), *shape[1:])) < density, block, axis=0)
        keep = keep[:rows] & (self.rng.random(rows) > self.pick([0, 0.3])).reshape(
            -1, *[1] * (len(shape) - 1)
        )
        scale = 1 / np.sqrt(max(1, np.count_nonzero(keep) / rows))
        values = self.rng.standard_normal(shape) * scale
        return np.where(keep, values, self.pick([0.0, -0.0])).astype(np.float32)

    def parameters(self, *shape):
        made = {"weight": self.weight(*shape)}
        if self.draw(2):
            made["bias"] = self.rng.standard_normal(shape[0]).astype(np.float32)
        return made

    def axis(self, extent, dilations, smaller_pads=False):
        """Kernel, stride, dilation, pads of one axis, and how many outputs there are."""
        kernel, stride = self.pick([1, 1, 2, 3, 3, 5]), self.pick([1, 1, 1, 2, 3])
        dilation = self.pick(dilations)
        most = kernel if smaller_pads else 3
        begin, end = self.draw(most), self.draw(most)
        reach = (kernel - 1) * dilation + 1
        if reach > extent + begin + end:
            kernel, dilation, reach, begin, end = 1, 1, 1, 0, 0
        return kernel, stride, dilation, begin, end, (extent + begin + end - reach) // stride + 1

    def window(self, value, dilations, smaller_pads=False):
        """Attributes, and the extents of the output."""
        axes = [self.axis(extent, dilations, smaller_pads) for extent in self.shapes[value][1:]]
        kernel, stride, dilation, begin, end, made = zip(*axes, strict=True)
        window = {"stride": stride, "pad_begin": begin, "pad_end": end}
        return kernel, window | ({"dilation": dilation} if dilations != [1] else {}), made

    def conv(self, value):
        channels = self.shapes[value][0]
        kernel, window, made = self.window(value, [1, 1, 2, 3])
        outer = 1 + self.draw(12)
        parameters = self.parameters(outer, channels, *kernel)
        return self.emit("conv", [value], [outer, *made], **parameters, **window)

    def residual(self, value):
        """A convolution that keeps the shape, and the sum with what went in."""
        shape = self.shapes[value]
        window = {"pad_begin": (1, 1), "pad_end": (1, 1)}
        parameters = self.parameters(shape[0], shape[0], 3, 3)
        made = self.emit("conv", [value], shape, **parameters, **window)
        return self.emit("add", [value, made][:: self.pick([1, -1])], shape)

    def sum(self, value):
        others = [i for i, shape in enumerate(self.shapes) if shape == self.shapes[value]]
        return self.emit("add", [value, self.pick(others)], self.shapes[value])

    def product(self, value):
        others = [i for i, shape in enumerate(self.shapes) if shape == self.shapes[value]]
        return self.multiply(value, self.pick(others))

    def gate(self, value):
        """By one number per channel, of its own means, or by a sigmoid of its own."""
        made = self.activation(self.global_average(value) if self.draw(2) else value)
        return self.multiply(value, made)

    def multiply(self, a, b):
        return self.emit("multiply", [a, b][:: self.pick([1, -1])], self.shapes[a])

    def grouped(self, value):
        """Depthwise, or with any number of groups and outputs of each."""
        channels = self.shapes[value][0]
        groups = self.pick([g for g in range(1, channels + 1) if channels % g == 0])
        kernel, window, made = self.window(value, [1, 1, 2])
        outer = groups * self.pick([1, 1, 2, 5])
        parameters = self.parameters(outer, channels // groups, *kernel)
        return self.emit("conv", [value], [outer, *made], groups=groups, **parameters, **window)

    def activation(self, value):
        kind = self.pick(["relu", "relu6", "hard_swish", "sigmoid", "hard_sigmoid", "silu"])
        line = {"slope": 0.25, "offset": 0.375} if self.draw(2) else {}
        return self.emit("activation", [value], self.shapes[value], kind=kind, **line)

    def scale(self, value):
        parameters = self.parameters(self.shapes[value][0])
        return self.emit("scale", [value], self.shapes[value], **parameters)

    def concat(self, value):
        """With others of its extents, itself among them."""
        extents = self.shapes[value][1:]
        others = [
            i for i, (_, *rest) in enumerate(self.shapes) if rest == extents and i != value
        ] + [value]
        inputs = [value, *(self.pick(others) for _ in range(1 + self.draw(2)))]
        channels = sum(self.shapes[i][0] for i in inputs)
        return self.emit("concat", inputs, [channels, *extents])

    def softmax(self, value):
        return self.emit("softmax", [value], self.shapes[value])

    def resize(self, value):
        channels, *extents = self.shapes[value]
        size = [self.pick([1, 2 * e, e + 1, 3, 7]) for e in extents]
        mode = self.pick(["nearest", "bilinear", "bilinear_corners"])
        return self.emit("resize", [value], [channels, *size], size=size, mode=mode)

    def average_pool(self, value):
        kernel, window, made = self.window(value, [1], smaller_pads=True)
        shape, count = [self.shapes[value][0], *made], bool(self.draw(2))
        inputs = [value]
        return self.emit(
            "average_pool", inputs, shape, kernel=kernel, count_padding=count, **window
        )

    def max_pool(self, value):
        kernel, window, made = self.window(value, [1], smaller_pads=True)
        shape = [self.shapes[value][0], *made]
        return self.emit("max_pool", [value], shape, kernel=kernel, **window)

    def global_average(self, value, keep_dims=True):
        shape = [self.shapes[value][0]] + [1, 1] * keep_dims
        return self.emit("global_average_pool", [value], shape, keep_dims=keep_dims)

    def flatten(self, value):
        return self.emit("flatten", [value], [int(np.prod(self.shapes[value]))])

    def linear(self, value):
        features, outer = self.shapes[value][0], 1 + self.draw(40)
        return self.emit("linear", [value], [outer], **self.parameters(outer, features))

    def input(self):
        """One batch; now and then so small that its products are denormal."""
        scale = self.pick([1, 1, 1, 2.0**-130])
        shape = (self.pick(BATCHES), *self.shapes[0])
        return (self.rng.standard_normal(shape) * scale).astype(np.float32)
