"""Machine code: compiled by Numba for any target, loaded from the cache of this machine or from a wheel's library."""
