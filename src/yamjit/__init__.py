"""yamjit: names the sounds in audio with Google's quantized YAMNet, in NumPy and Numba."""

__version__ = "0.1.0"
