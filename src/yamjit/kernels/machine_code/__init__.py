"""From a Python function to machine code: by Numba for any target, from the cache for this machine."""
