"""Kernels of float32 tensors: a NumPy twin, and plain loops that Numba compiles; both give the same bits."""
