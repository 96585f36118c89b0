"""Which torch modules, functions and methods are which operation.

Only what is listed here is understood; anything else makes the channels it touches unprunable.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

# Exact types: a subclass may compute something else (so does a parametrised layer).
MODULES: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.Linear: "linear",
    nn.BatchNorm1d: "norm",
    nn.BatchNorm2d: "norm",
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.Hardtanh: "hardtanh",
    nn.LeakyReLU: "leaky_relu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.SiLU: "silu",
    nn.GELU: "gelu",
    nn.Mish: "mish",
    nn.Hardswish: "hardswish",
    nn.Hardsigmoid: "hardsigmoid",
    nn.MaxPool2d: "max_pool",
    nn.AdaptiveMaxPool2d: "max_pool",
    nn.AvgPool2d: "avg_pool",
    nn.AdaptiveAvgPool2d: "adaptive_avg_pool",
    nn.Flatten: "flatten",
    nn.Upsample: "interpolate",
    nn.UpsamplingNearest2d: "interpolate",
    nn.UpsamplingBilinear2d: "interpolate",
    nn.Identity: "pass",
    nn.Dropout: "pass",
    nn.Dropout2d: "pass",
    nn.LayerNorm: "layer_norm",
    nn.GroupNorm: "group_norm",
    nn.Softmax: "softmax",
    nn.MultiheadAttention: "attention",
}

FUNCTIONS: dict[Callable[..., Any], str] = {
    torch.relu: "relu",
    torch.relu_: "relu",
    F.relu: "relu",
    F.relu_: "relu",
    F.relu6: "relu6",
    F.hardtanh: "hardtanh",
    F.leaky_relu: "leaky_relu",
    torch.sigmoid: "sigmoid",
    F.sigmoid: "sigmoid",
    torch.tanh: "tanh",
    F.tanh: "tanh",
    F.silu: "silu",
    F.gelu: "gelu",
    F.mish: "mish",
    F.hardswish: "hardswish",
    F.hardsigmoid: "hardsigmoid",
    F.max_pool2d: "max_pool",
    torch.max_pool2d: "max_pool",
    F.adaptive_max_pool2d: "max_pool",
    F.avg_pool2d: "avg_pool",
    F.adaptive_avg_pool2d: "adaptive_avg_pool",
    F.interpolate: "interpolate",
    torch.mean: "mean",
    torch.flatten: "flatten",
    torch.transpose: "transpose",
    torch.permute: "permute",
    torch.reshape: "view",
    torch.squeeze: "squeeze",
    torch.unsqueeze: "unsqueeze",
    torch.add: "add",
    operator.add: "add",
    operator.iadd: "add",
    torch.mul: "mul",
    operator.mul: "mul",
    operator.imul: "mul",
    torch.cat: "cat",
    torch.concat: "cat",
    torch.concatenate: "cat",
    F.dropout: "pass",
    F.dropout2d: "pass",
    F.layer_norm: "layer_norm",
    F.group_norm: "group_norm",
    F.softmax: "softmax",
    torch.softmax: "softmax",
    F.scaled_dot_product_attention: "attention",
}

METHODS: dict[str, str] = {
    "relu": "relu",
    "relu_": "relu",
    "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid",
    "tanh": "tanh",
    "tanh_": "tanh",
    "mean": "mean",
    "flatten": "flatten",
    "transpose": "transpose",
    "permute": "permute",
    "view": "view",
    "reshape": "view",
    "squeeze": "squeeze",
    "unsqueeze": "unsqueeze",
    "add": "add",
    "add_": "add",
    "mul": "mul",
    "mul_": "mul",
    "contiguous": "pass",
    "clone": "pass",
    "detach": "pass",
    "unflatten": "split",
    "chunk": "split",
    "softmax": "softmax",
}

# Applied to every element alone.
PIECEWISE_LINEAR = ("relu", "relu6", "hardtanh", "leaky_relu")
SMOOTH = ("sigmoid", "tanh", "silu", "gelu", "mish", "hardswish", "hardsigmoid")
ACTIVATIONS = (*PIECEWISE_LINEAR, *SMOOTH)
# Over positions of one channel.
POOLS = ("max_pool", "avg_pool", "adaptive_avg_pool", "mean", "interpolate")

# Why channels cannot leave where these read them.
MIXERS = {
    "layer_norm": "which normalises each channel with the others",
    "group_norm": "which normalises each channel with the others",
    "softmax": "which computes each channel with the others",
    "attention": "whose heads must keep equal sizes",
    "split": "whose parts must keep equal sizes",
}
