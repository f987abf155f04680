"""The names of TensorFlow Lite Model Maker's audio task, on `yamjit.learn`.

A program that was written for it runs after its imports have been changed::

    import yamjit.maker as mm                  # was: import tflite_model_maker as mm
    from yamjit.maker import audio_classifier  # was: from tflite_model_maker import audio_classifier

Names, arguments and results are its own. The embeddings are those of the quantized YAMNet, and the head is trained by
`yamjit.learn`. ``docs/coming_from_model_maker.md`` lists what differs.
"""

from __future__ import annotations

from yamjit.maker import audio_classifier, config, model_spec
from yamjit.maker.config import ExportFormat
from yamjit.spec import own_version

__all__ = ["ExportFormat", "audio_classifier", "config", "model_spec"]

__version__ = own_version()
