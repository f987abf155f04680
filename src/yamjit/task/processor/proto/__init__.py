"""Where the Task Library's sources have the names of ``tflite_support.task.processor``; no protocol buffers."""
