"""``python -m yamjit``."""

import sys

from yamjit.cli import main

if __name__ == "__main__":  # processes of a run import this module under another name
    sys.exit(main())
