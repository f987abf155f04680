"""The harness of a TFLite runtime: any model, any of its kernel sets, and what its inner tensors held.

LiteRT (``ai-edge-litert``) is used if it is installed, else ``tflite-runtime``. Neither is needed by the
package; where both are missing, `runtime_available` is false and `Runtime` raises ``ImportError``.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["KERNELS", "Runtime", "TensorInfo", "runtime_available", "runtime_module", "runtime_version"]

Array = npt.NDArray[Any]

#: Kernel sets, and what TFLite calls them (``OpResolverType``).
KERNELS: Mapping[str, str] = MappingProxyType(
    {
        "reference": "BUILTIN_REF",
        "optimised": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
        "xnnpack": "AUTO",
    }
)

#: Module and distribution, in order of preference.
_RUNTIMES = (
    ("ai_edge_litert.interpreter", "ai-edge-litert"),
    ("tflite_runtime.interpreter", "tflite-runtime"),
)


@dataclass(frozen=True, eq=False)
class TensorInfo:
    """What the runtime says of a tensor."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scales: npt.NDArray[np.float32]  # empty if it is not quantized
    zero_points: npt.NDArray[np.int32]
    quantized_dimension: int
    signature: tuple[int, ...]  # its shape, with -1 for what is of any size


def _load() -> tuple[Any, str]:
    """Return the interpreter module and the name of its distribution."""
    for module, distribution in _RUNTIMES:
        with contextlib.suppress(ImportError):
            return importlib.import_module(module), distribution
    raise ImportError("no TFLite runtime is installed: pip install ai-edge-litert (or tflite-runtime)")


def runtime_available() -> bool:
    """Return whether a TFLite runtime is installed."""
    try:
        _load()
    except ImportError:
        return False
    return True


def runtime_module() -> Any:
    """Return the module of the interpreter; importing it loads the runtime's libraries.

    Raises
    ------
    ImportError
        If no runtime is installed.
    """
    return _load()[0]


def runtime_version() -> str:
    """Return name and version of the runtime, such as ``"ai-edge-litert 2.3.0"``."""
    _, distribution = _load()
    return f"{distribution} {importlib.metadata.version(distribution)}"


class Runtime:
    """A model in a TFLite runtime.

    Parameters
    ----------
    model : bytes or path
    kernels : {"reference", "optimised", "xnnpack"}
        ``"reference"`` is the oracle. ``"xnnpack"`` is LiteRT's default; it keeps no inner tensors.
    threads : int > 0
    inner : bool
        Whether inner tensors are kept to be recorded; a benchmark does without.

    Attributes
    ----------
    tensors : tuple of TensorInfo
    inputs, outputs : tuple of TensorInfo
        Those of the model.
    interpreter : Interpreter
        The runtime's own, for those who measure its calls.

    Raises
    ------
    ImportError
        If no runtime is installed.
    ValueError
        If `kernels` is none of `KERNELS`, or the runtime refuses the model.
    """

    def __init__(
        self, model: bytes | str | Path, *, kernels: str = "reference", threads: int = 1, inner: bool = True
    ) -> None:
        if kernels not in KERNELS:
            raise ValueError(f"kernels is {kernels!r}; accepted: {', '.join(KERNELS)}")
        module, _ = _load()
        self.kernels = kernels
        source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        self.interpreter = module.Interpreter(
            **source,
            num_threads=threads,
            experimental_op_resolver_type=module.OpResolverType[KERNELS[kernels]],
            # Asking for inner tensors would silently switch XNNPACK off.
            experimental_preserve_all_tensors=inner and kernels != "xnnpack",
        )
        self.interpreter.allocate_tensors()
        details = self.interpreter.get_tensor_details()
        self.tensors = tuple(sorted((_info(detail) for detail in details), key=lambda info: info.index))
        self.inputs = tuple(_info(detail) for detail in self.interpreter.get_input_details())
        self.outputs = tuple(_info(detail) for detail in self.interpreter.get_output_details())

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """Return copies of the model's outputs.

        Parameters
        ----------
        *inputs : np.ndarray
            One for each of `inputs`, of its dtype and its number of elements; of its rank, where it has any size.
        """
        self._invoke(inputs)
        return tuple(self.interpreter.get_tensor(info.index) for info in self.outputs)

    def record(self, *inputs: Array, names: Iterable[str | int] | None = None) -> dict[str | int, Array]:
        """Run, and return copies of tensors, inner ones as well.

        Parameters
        ----------
        *inputs : np.ndarray
            As in `run`.
        names : iterable of str or int, optional
            Names or indices of tensors; all of the model's, by name, if left out.

        Raises
        ------
        LookupError
            If there is no such tensor, several tensors share the name, or its values were not kept.
        """
        wanted = [info.name for info in self.tensors if info.name] if names is None else list(names)
        found = {name: self.tensor(name) for name in wanted}
        self._invoke(inputs)
        return {name: self._value(info) for name, info in found.items()}

    def tensor(self, name: str | int) -> TensorInfo:
        """Return what is known of a tensor, by name or index.

        Raises
        ------
        LookupError
            If there is none or more than one.
        """
        found = [info for info in self.tensors if name in (info.index, info.name)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} tensors are called {name!r}")
        return found[0]

    def _invoke(self, inputs: tuple[Array, ...]) -> None:
        for info, values in zip(self.inputs, inputs, strict=True):
            array = np.asarray(values, info.dtype)
            if -1 in info.signature:
                self.interpreter.resize_tensor_input(info.index, array.shape)
                self.interpreter.allocate_tensors()
            else:
                array = array.reshape(info.shape)
            self.interpreter.set_tensor(info.index, array)
        self.interpreter.invoke()

    def _value(self, info: TensorInfo) -> Array:
        try:
            return np.array(self.interpreter.get_tensor(info.index))
        except ValueError as error:
            raise LookupError(f"tensor {info.index} {info.name!r} was not kept: {error}") from error


def _info(detail: Mapping[str, Any]) -> TensorInfo:
    parameters = detail["quantization_parameters"]
    return TensorInfo(
        index=int(detail["index"]),
        name=str(detail["name"]),
        shape=tuple(int(size) for size in detail["shape"]),
        dtype=np.dtype(detail["dtype"]),
        scales=np.asarray(parameters["scales"], np.float32),
        zero_points=np.asarray(parameters["zero_points"], np.int32),
        quantized_dimension=int(parameters["quantized_dimension"]),
        signature=tuple(int(size) for size in detail["shape_signature"]),
    )
