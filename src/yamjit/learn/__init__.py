"""Learning from one's own recordings: datasets, heads, evaluation, calibration, and models that other tools load."""
