"""MediaPipe's audio tasks: clips of any length and rate, and streams, in windows side by side.

What MediaPipe has in ``mediapipe.tasks`` is in ``yamjit.task.mediapipe.tasks``, under the same names::

    from yamjit.task import mediapipe as mp                          # was: import mediapipe as mp
    from yamjit.task.mediapipe.tasks import python                   # was: from mediapipe.tasks import python
    from yamjit.task.mediapipe.tasks.python import audio             # was: from mediapipe.tasks.python import audio
    from yamjit.task.mediapipe.tasks.python.components import containers
"""

from __future__ import annotations

from yamjit.task.mediapipe import tasks

__all__ = ["tasks"]
