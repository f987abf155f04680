"""The name that `yamjit.store.download` had in version 0.1, for one release more. Internal."""

from __future__ import annotations

import sys

from yamjit.store import download

sys.modules[__name__] = download
