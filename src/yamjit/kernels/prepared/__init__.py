"""Programs made ready for compiled kernels: their table, what is packed for them, and the proof of both."""
