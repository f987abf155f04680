"""Steps of int8 values: a NumPy twin, plain loops and vector kernels; all give the same bits."""
