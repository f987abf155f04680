"""Arrays that can be asked for their `numpy`, as TensorFlow's tensors can."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Tensor"]


class Tensor(np.ndarray[Any, Any]):
    """An array with the method `numpy`; so are its parts, down to a single number."""

    def __getitem__(self, key: Any) -> Any:
        """Return a part as a tensor."""
        return np.asanyarray(super().__getitem__(key)).view(Tensor)

    def numpy(self) -> Any:
        """Return a plain array, or a number if there is only one without an axis."""
        return np.asarray(self)[()]

    @classmethod
    def of(cls, values: Any) -> Tensor:
        """Return values as a tensor."""
        return np.asarray(values).view(cls)
