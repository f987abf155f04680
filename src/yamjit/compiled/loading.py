"""Model file -> CompiledModel: from its plan file, where a library's kernels run it; else from its graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from yamjit.announcing import logger
from yamjit.compiled.reader import read_plan_file
from yamjit.compiled.record import CompiledModel
from yamjit.errors import ModelError
from yamjit.kernels.backends import Backend, CompiledBackend
from yamjit.kernels.machine_code.shipped import SharedLibrary
from yamjit.kernels.memory import aligned_bytes
from yamjit.kernels.plan_file.entries import CHECK_PLAN, DIGEST
from yamjit.kernels.plan_file.layout import FORMAT_VERSION
from yamjit.spec import own_version
from yamjit.store import ResolvedModel
from yamjit.store.plans import PlanFile

if TYPE_CHECKING:
    from yamjit.plan.roles import Role

__all__ = ["load_compiled"]


def load_compiled(source: ResolvedModel, backend: Backend, roles: Sequence[Role] | None = None) -> CompiledModel:
    """Return what a backend is to run of a model's file, whose outputs are what `roles` say.

    Raises `ModelError` if the model cannot be run exactly, and `LimitError` if it is too large.
    """
    if isinstance(backend, CompiledBackend):
        return _FromPlanFile(source, backend.library, roles).load()
    return _compiled(source, roles)


def _compiled(source: ResolvedModel, roles: Sequence[Role] | None) -> CompiledModel:
    from yamjit.compiled.from_graph import compile_model
    from yamjit.tflite.reader import read_graph

    return compile_model(read_graph(source.data), roles)


class _FromPlanFile:
    """A model's plan file for a library: the one in the cache, else one that is made from the model's graph."""

    def __init__(self, source: ResolvedModel, library: SharedLibrary, roles: Sequence[Role] | None) -> None:
        self._source = source
        self._roles = roles
        self._library = library
        self._check: Callable[[int, int, int], object] = library.entry(CHECK_PLAN)
        version = " ".join((own_version(), str(FORMAT_VERSION), *(role.value for role in roles or ())))
        self._kept = PlanFile(source.sha256, library.family, version, library.package)

    def load(self) -> CompiledModel:
        return self._from_cache() or self._from_graph()

    def _from_cache(self) -> CompiledModel | None:
        mapped = self._kept.map()
        if mapped is None:
            return None
        try:
            return self._read(np.frombuffer(mapped, np.uint8))
        except ModelError as error:
            problem = str(error)
        # Here no traceback holds on to the memory any more, which Windows wants before the file can be replaced.
        logger(__name__).info("a plan file of the cache is not used, and made anew: %s", problem)
        return None

    def _from_graph(self) -> CompiledModel:
        from yamjit.compiled.writer import has_plan_file, plan_file_bytes

        model, library = _compiled(self._source, self._roles), self._library
        if not has_plan_file(model.plan):
            return model
        content = plan_file_bytes(model, library.family, self._source.sha256, self._digest)
        self._kept.keep(content)
        memory = aligned_bytes(len(content))
        memory[:] = np.frombuffer(content, np.uint8)
        memory.flags.writeable = False
        return self._read(memory)

    def _read(self, memory: npt.NDArray[np.uint8]) -> CompiledModel:
        return read_plan_file(memory, self._source.sha256, self._check)

    def _digest(self, data: memoryview) -> int:
        found = np.zeros(1, np.uint64)
        self._library.entry(DIGEST)(np.frombuffer(data, np.uint8).ctypes.data, len(data), found.ctypes.data)
        return int(found[0])
