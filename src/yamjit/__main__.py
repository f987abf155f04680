"""``python -m yamjit``."""

import sys

from yamjit.cli import main

sys.exit(main())
