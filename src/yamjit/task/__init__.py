"""The names of TensorFlow Lite's Task Library, and of MediaPipe's audio tasks, on yamjit.

A program that was written for them runs after its imports have been changed::

    from yamjit.task import audio, core, processor      # was: from tflite_support.task import ...
    from yamjit.task import mediapipe as mp             # was: import mediapipe as mp

Names, arguments, defaults and the shape of results are theirs, and so are the modules within: those of
``tensorflow_lite_support.python.task`` are in ``yamjit.task`` as well. The scores are those of TFLite's reference
kernels. ``docs/coming_from_task_library.md`` lists what differs. Errors are those of `yamjit.errors`, and each is what
callers of the two libraries catch as well, see `yamjit.task.errors`.
"""

from __future__ import annotations

from yamjit.task import audio, core, mediapipe, processor

__all__ = ["audio", "core", "mediapipe", "processor"]
