"""Programs for those who work on this package, and what tests and benchmarks share with them."""

import importlib.util

if importlib.util.find_spec("yamjit") is None:
    raise SystemExit(
        "error: yamjit is not installed, which everything in tools/ works with; in a checkout, pip install -e '.[dev]' "
        "installs it with what tests take, and pip install -e '.[libraries]' with what builds and proves libraries"
    )
