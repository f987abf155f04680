"""Running a table of steps: in NumPy, or compiled for a target as one function."""
