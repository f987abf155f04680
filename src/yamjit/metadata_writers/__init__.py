"""The names of TensorFlow Lite's metadata writers, for audio classifiers.

A program that was written for them runs after its imports have been changed::

    from yamjit.metadata_writers import audio_classifier, metadata_info, writer_utils   # was: tflite_support...
    from yamjit.metadata_writers import metadata                                        # was: tflite_support
    from yamjit.metadata_writers import metadata_schema_py_generated as _metadata_fb    # was: tflite_support

The model may be any TFLite model, with operators that yamjit does not know. What it computes stays as it is, byte for
byte.
"""

from __future__ import annotations

from yamjit.metadata_writers import (
    audio_classifier,
    metadata,
    metadata_info,
    metadata_schema_py_generated,
    schema_py_generated,
    writer_utils,
)

__all__ = [
    "audio_classifier",
    "metadata",
    "metadata_info",
    "metadata_schema_py_generated",
    "schema_py_generated",
    "writer_utils",
]
