"""The network in PyTorch, and its training: YAMNet's MobileNet at reduced width, ReLU6, one sigmoid a class.

The only module of the repository that needs PyTorch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from starter.augment import augmented
from starter.dataset import Dataset
from starter.export import FoldedLayer, FoldedNetwork, Layer
from tests.support.synthetic import FIRST_CHANNELS, SEPARABLE

__all__ = ["StarterNetwork", "Training", "fold", "train"]

_BATCH = 128


class _Convolution(nn.Module):
    """A convolution with batch normalisation and ReLU6, padded as TFLite pads SAME."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        # Sizes are even where the stride is 2, so the one missing row is added at the end.
        self.padding = (0, 1, 0, 1) if stride == 2 else (kernel // 2,) * 4
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, momentum=0.03, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        return functional.relu6(self.norm(self.convolution(functional.pad(x, self.padding))))


class StarterNetwork(nn.Module):
    """Patches to logits.

    Parameters
    ----------
    classes : int
    width : float
        Factor on YAMNet's channels.
    """

    def __init__(self, classes: int, width: float = 0.25) -> None:
        super().__init__()
        channels = round(FIRST_CHANNELS * width)
        layers = [_Convolution(1, channels, 3, 2)]
        for wider, stride in SEPARABLE:
            outputs = round(wider * width)
            layers.append(_Convolution(channels, channels, 3, stride, channels))
            layers.append(_Convolution(channels, outputs, 1, 1))
            channels = outputs
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Linear(channels, classes)

    def embed(self, patches: torch.Tensor) -> torch.Tensor:
        """Return the mean over time and frequency of the last layer [shape=(n, channels)]."""
        return self.layers(patches[:, None]).mean(dim=(2, 3))

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits [shape=(n, classes)] of patches [shape=(n, 96, 64)]."""
        return self.dense(self.embed(patches))


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Parameters
    ----------
    seed : int
    epochs : int
    width : float
    threads : int
        Number of threads of PyTorch; it takes part in deciding the last bits.
    rate : float
        Highest learning rate.
    """

    seed: int = 0
    epochs: int = 20
    width: float = 0.25
    threads: int = 1
    rate: float = 4e-3


def train(data: Dataset, training: Training) -> StarterNetwork:
    """Train a network from nothing.

    Parameters
    ----------
    data : Dataset
    training : Training
    """
    torch.manual_seed(training.seed)
    torch.set_num_threads(training.threads)
    torch.use_deterministic_algorithms(True)
    network = StarterNetwork(data.targets.shape[1], training.width).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=training.rate, weight_decay=2e-2)
    steps = training.epochs * (len(data) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, training.rate, total_steps=max(2, steps), pct_start=0.15)
    for epoch in range(training.epochs):
        started, total = time.monotonic(), 0.0
        for patches, targets in _batches(data, np.random.default_rng([training.seed, 3, epoch])):
            loss = functional.binary_cross_entropy_with_logits(network(patches), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        mean = total / max(1, len(data) // _BATCH)
        seconds = time.monotonic() - started
        print(f"epoch {epoch + 1} of {training.epochs}: loss {mean:.4f}, {seconds:.0f} s", file=sys.stderr, flush=True)
    return network.eval()


def _batches(data: Dataset, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the data once in a random order, every patch varied."""
    order = rng.permutation(len(data))
    for start in range(0, len(data) - _BATCH + 1, _BATCH):
        chosen = order[start : start + _BATCH]
        patches, targets = augmented(rng, data.patches[chosen].astype(np.float32), data.targets[chosen])
        yield torch.from_numpy(patches), torch.from_numpy(targets)


def fold(network: StarterNetwork, data: Dataset) -> FoldedNetwork:
    """Put the batch normalisation into weights and biases, and measure what quantization needs.

    Parameters
    ----------
    network : StarterNetwork
    data : Dataset
        Its first patches tell the ranges of embeddings and logits.
    """
    layers = tuple(_folded(layer) for layer in network.layers)
    with torch.no_grad():
        patches = torch.from_numpy(data.patches[:4000].astype(np.float32))
        embeddings = torch.cat([network.embed(part) for part in patches.split(_BATCH)])
        logits = network.dense(embeddings).numpy()
    return FoldedNetwork(
        layers=layers,
        weights=_array(network.dense.weight),
        bias=_array(network.dense.bias),
        highest_embedding=float(embeddings.max()),
        logit_range=(float(np.quantile(logits, 1e-4)), float(logits.max())),
    )


def _folded(layer: nn.Module) -> FoldedLayer:
    if not isinstance(layer, _Convolution):
        raise TypeError(f"a convolution is expected, found {type(layer).__name__}")
    norm, convolution = layer.norm, layer.convolution
    gain = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    weights = _array(convolution.weight) * gain[:, None, None, None]
    depthwise = convolution.groups > 1
    return FoldedLayer(
        kind=Layer.DEPTHWISE if depthwise else Layer.CONV,
        stride=convolution.stride[0],
        weights=weights.transpose(1, 2, 3, 0) if depthwise else weights.transpose(0, 2, 3, 1),
        bias=_array(norm.bias) - _array(norm.running_mean) * gain,
    )


def _array(tensor: torch.Tensor) -> npt.NDArray[np.float64]:
    return tensor.detach().numpy().astype(np.float64)
