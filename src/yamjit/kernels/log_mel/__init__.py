"""The front end: waveform to log-mel frames, in NumPy and in Numba."""
