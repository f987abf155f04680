"""From a Python function to machine code in this process, by Numba or from the cache."""
