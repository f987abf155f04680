"""Build a model's network in PyTorch from its exported weights, and compare the embeddings.

    yamjit export --weights weights.safetensors
    python examples/pytorch_warm_start.py street.wav

Needs PyTorch. What comes out differs from the integer network by the rounding of its activations alone.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import yamjit
from yamjit.weights import Layer, layers


class SameConv(nn.Module):
    """A convolution that pads as TensorFlow's SAME does, and its activation."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        axes = (3, 0, 1, 2) if layer.kind == "depthwise" else (0, 3, 1, 2)
        weights = torch.from_numpy(layer.weights.transpose(axes).copy())
        outputs, inputs, height, width = weights.shape
        groups = outputs if layer.kind == "depthwise" else 1
        self.conv = nn.Conv2d(inputs * groups, outputs, (height, width), stride=layer.stride, groups=groups)
        self.conv.weight.data = weights
        self.conv.bias.data = torch.from_numpy(layer.bias.copy())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads = []
        for size, kernel, stride in zip(x.shape[2:], self.conv.kernel_size, self.conv.stride, strict=True):
            total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
            pads = [total // 2, total - total // 2, *pads]
        return functional.relu6(self.conv(functional.pad(x, pads)))


class Embedding(nn.Sequential):
    """Log-mel patches (n, frames, bands) to embeddings (n, size); ready to be trained further."""

    def __init__(self, model: yamjit.Classifier) -> None:
        super().__init__(*(SameConv(layer) for layer in layers(model.graph) if layer.kind != "dense"))

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        return super().forward(patches[:, None]).mean(dim=(2, 3))


def main() -> None:
    """Compare the two networks on a recording."""
    model = yamjit.load()
    found = model.classify(sys.argv[1])
    frames, _ = model.plan.patch_shape
    patches = np.stack([found.log_mel[48 * k : 48 * k + frames] for k in range(len(found))])
    with torch.no_grad():
        theirs = Embedding(model)(torch.from_numpy(patches)).numpy()
    ours = found.embeddings
    cosine = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    print(f"{len(ours)} windows: least cosine {cosine.min():.4f}, mean difference {np.abs(ours - theirs).mean():.4f}")


if __name__ == "__main__":
    main()
