"""``tflite_model_maker.audio_classifier``."""

from __future__ import annotations

from yamjit.maker.data_loader import DataLoader
from yamjit.maker.task import AudioClassifier, create
from yamjit.maker.yamnet_spec import BrowserFftSpec, YamNetSpec

__all__ = ["AudioClassifier", "BrowserFftSpec", "DataLoader", "YamNetSpec", "create"]
