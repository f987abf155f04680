"""Products of float32 inputs, quantized at run time, with int8 weights: the twins in NumPy and in Numba."""
