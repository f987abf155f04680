"""Steps of float32 values: a NumPy twin, plain loops and vector kernels; all give the same bits."""
