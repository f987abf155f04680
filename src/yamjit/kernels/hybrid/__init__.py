"""Products of float32 inputs, quantized at run time, with int8 weights: a NumPy twin, plain and vector kernels."""
