"""Spectra that networks compute themselves: a NumPy twin and plain kernels."""
