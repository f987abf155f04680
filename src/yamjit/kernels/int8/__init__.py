"""The integer network: its twins in NumPy and in Numba."""
