"""Vision transformers (Dosovitskiy et al. 2021; small ones: Touvron et al. 2021).

Keys and shapes are those of DeiT's published checkpoints and of timm's ``VisionTransformer``.
Queries, keys and values come from one linear layer of its own, so that its weights can be pruned;
``nn.MultiheadAttention`` hides them in a parameter.
"""

import torch
import torch.nn.functional as F
from torch import nn

from sparseprune.errors import InputError

# Norms in published vision transformers.
_EPSILON = 1e-6
# Spread of initial weights in published ones (truncated normal).
_SPREAD = 0.02


class PatchEmbedding(nn.Module):
    """A convolution whose stride is its kernel: each patch becomes a token."""

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, patch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to tokens [N, H W / patch^2, width]."""
        y: torch.Tensor = self.proj(x)
        return y.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Every token looks at all: softmax(q k^T / sqrt(size)) v in ``heads`` parts of the width."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, T, width] to [N, T, width]."""
        parts = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        mixed: torch.Tensor = self.proj(y.transpose(1, 2).flatten(2))
        return mixed


class Mlp(nn.Module):
    """Four times the width and back, with a GELU between, at every token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, T, width] to [N, T, width]."""
        y: torch.Tensor = self.fc2(F.gelu(self.fc1(x)))
        return y


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, _EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, _EPSILON)
        self.mlp = Mlp(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, T, width] to [N, T, width]."""
        x = x + self.attn(self.norm1(x))
        y: torch.Tensor = x + self.mlp(self.norm2(x))
        return y


class VisionTransformer(nn.Module):
    """Patches and a class token, positions added, blocks, norm, a classifier of the class token."""

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        classes: int,
        *,
        patch: int,
        width: int,
        depth: int,
        heads: int,
    ) -> None:
        super().__init__()
        channels, height, across = input_shape
        tokens = 1 + (height // patch) * (across // patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
        self.patch_embed = PatchEmbedding(channels, width, patch)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, _EPSILON)
        self.head = nn.Linear(width, classes)
        _draw(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        x = self.patch_embed(x)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embed
        logits: torch.Tensor = self.head(self.norm(self.blocks(x))[:, 0])
        return logits


def _draw(model: VisionTransformer) -> None:
    """Draw tokens, positions and weights; without memory there is nothing to draw."""
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    for tensor in (model.cls_token, model.pos_embed, *(layer.weight for layer in linear)):
        if not tensor.is_meta:
            nn.init.trunc_normal_(tensor, std=_SPREAD)
    for layer in linear:
        nn.init.zeros_(layer.bias)


def vit(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    patch: int = 4,
    width: int = 192,
    depth: int = 6,
    heads: int = 3,
) -> VisionTransformer:
    """A small one for small pictures; 2 693 578 parameters at 3x32x32/10."""
    if input_shape[1] % patch or input_shape[2] % patch:
        raise InputError(
            f"expected pictures whose sides are multiples of patch {patch}, "
            f"got {input_shape[1]}x{input_shape[2]}; choose another patch"
        )
    if width % heads:
        raise InputError(f"expected a width that {heads} heads can share, got {width}")
    return VisionTransformer(
        input_shape, classes, patch=patch, width=width, depth=depth, heads=heads
    )


def vit_tiny(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    patch: int = 16,
    width: int = 192,
    depth: int = 12,
    heads: int = 3,
) -> VisionTransformer:
    """DeiT-Ti for ImageNet's pictures; 5 717 416 parameters at 3x224x224/1000."""
    return vit(input_shape, classes, patch=patch, width=width, depth=depth, heads=heads)
