"""Programs for those who work on this package, and what tests and benchmarks share with them."""
