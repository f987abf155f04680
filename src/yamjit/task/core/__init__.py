"""``tflite_support.task.core``: which model a task runs, and how."""

from __future__ import annotations

from yamjit.task.core.base_options import BaseOptions

__all__ = ["BaseOptions"]
