"""The lowering amx: its products against plain integers, by tiles or an emulator of them; and who may use tiles."""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("numba")
pytestmark = [pytest.mark.slow, pytest.mark.numba]

import llvmlite.binding as llvm  # noqa: E402

from tests.kernels.test_vector_kernels import Guarded, Numbers, Packed, Product, spare_for  # noqa: E402
from tests.support.products import MULTIPLY  # noqa: E402
from tools.checks import emulation  # noqa: E402
from yamjit.kernels.machine_code import native  # noqa: E402
from yamjit.kernels.machine_code.compiler import compile_object  # noqa: E402
from yamjit.kernels.prepared.packing import pack_pointwise  # noqa: E402
from yamjit.kernels.vectors.processor import host_features  # noqa: E402
from yamjit.kernels.vectors.target import TARGETS, TILES  # noqa: E402

AMX = TARGETS["amx"]
HAS_TILES = all(host_features().get(tiles, False) for tiles in TILES)

needs_tiles = pytest.mark.skipif(
    not HAS_TILES and bool(emulation.why_not_emulated()), reason=f"no AMX; {emulation.why_not_emulated()}"
)
needs_emulator = pytest.mark.skipif(bool(emulation.why_not_emulated()), reason=emulation.why_not_emulated() or "-")

#: Numbers of inputs that fill tiles, that leave some of them empty, and that want zeros in the last step.
INPUTS = (4, 8, 20, 32, 60, 64, 68, 76, 96, 128, 132, 256, 260, 1020, 1024)
OUTPUTS = (1, 15, 16, 17, 31, 32, 33, 48, 49, 64, 65, 521)


@pytest.fixture(scope="module")
def code() -> native.ObjectCode:
    return compile_object(MULTIPLY, AMX)


@pytest.fixture(scope="module")
def multiply(code: native.ObjectCode) -> Callable[..., int]:
    """The product of the lowering; where there are no tiles, signals of illegal instructions carry them out."""
    if not HAS_TILES:
        ctypes.CDLL(str(emulation.emulator())).amx_emulator_begin()
    return native.load(code, MULTIPLY.name, MULTIPLY.arguments)


def check(multiply: Callable[..., int], shape: tuple[int, int, int], real: bool) -> None:
    product = Product(shape, real)
    places = product.outputs, product.out.address, product.spare.address
    assert multiply(*product.rows, *product.packed.channels, *places) == 0, shape
    product.check()


@needs_tiles
@pytest.mark.parametrize("real", [False, True], ids=["shift", "real"])
def test_products_of_any_shape(multiply: Callable[..., int], real: bool) -> None:
    rng = np.random.default_rng(int(real))
    for rows in (*range(1, 41), 64, 95, 96, 97):
        check(multiply, (rows, int(rng.choice(INPUTS)), int(rng.choice(OUTPUTS[:-1]))), real)
    for inputs in INPUTS:
        for outputs in OUTPUTS[:: 4 if real else 1]:
            check(multiply, (int(rng.integers(1, 41)), inputs, outputs), real)


@needs_tiles
def test_rows_in_groups_are_left_to_vectors(multiply: Callable[..., int]) -> None:
    rng, outputs, count = np.random.default_rng(5), 32, 21
    image = rng.integers(0, 256, 400).astype(np.uint8)
    weights = rng.integers(-128, 128, (12, outputs)).astype(np.int8)
    seen = np.stack([[image[2 * row + 60 * group :][:4] for group in range(3)] for row in range(count)])
    numbers = Numbers(rng, outputs, 2**16)
    packed = Packed(numbers, pack_pointwise(weights), None, np.arange(outputs), 16)
    spare, out = spare_for(count, 12), Guarded(count * outputs)
    multiply(image.ctypes.data, count, 2, 3, 60, 1, *packed.channels, outputs, out.address, spare.address)
    wanted = numbers.rounded(seen.reshape(count, 12).astype(np.int64) @ weights)
    np.testing.assert_array_equal(out.content(np.int8).reshape(count, outputs), wanted)


def test_each_tile_that_is_loaded_is_used_twice(code: native.ObjectCode) -> None:
    """In each of the two ways of rounding, a step over inputs loads four tiles for four products."""
    sections = llvm.ObjectFileRef.from_data(code.code).sections()
    text = b"".join(section.data() for section in sections if section.is_text())
    loads, products = (len(re.findall(form, text, re.DOTALL)) for form in (rb"\xc4.\x7b\x4b", rb"\xc4\xe2.\x5e"))
    assert (loads, products) == (2 * (4 + 4), 2 * 4)  # accumulators begin as biases, which are loaded as well


# -- Permission -------------------------------------------------------------------------------------------------

_ASK = """
import json
from yamjit.kernels.machine_code import native
from yamjit.kernels.vectors.processor import host_target, why_no_tiles
print(json.dumps([host_target().name, why_no_tiles(), native.processor()]))
"""


def told(**variables: str) -> tuple[str, str, str]:
    """Return the lowering, why tiles are not used, and the key of what is kept, in a process that has the emulator."""
    named = {"NUMBA_CPU_NAME": AMX.cpu, "NUMBA_CPU_FEATURES": AMX.features}
    environment = os.environ | named | emulation.preloaded() | variables
    run = subprocess.run([sys.executable, "-c", _ASK], env=environment, capture_output=True, text=True, check=True)
    name, reason, key = json.loads(run.stdout)
    return name, reason, key


@needs_emulator
def test_tiles_are_used_where_the_system_gives_them_and_nobody_forbids_it() -> None:
    given = told()
    assert given[:2] == ("amx", "")
    refused = told(AMX_EMULATOR_REFUSES="28")
    assert refused[0] == "avx512vnni"
    assert "signal stack that is too small" in refused[1]
    assert given[2] != refused[2]
    assert "Linux 5.16" in told(AMX_EMULATOR_REFUSES="22")[1]
    assert told(YAMJIT_LOWERING="-amx")[:2] == ("avx512vnni", "$YAMJIT_LOWERING is '-amx'")


@needs_emulator
@pytest.mark.parametrize(
    "variables", [{"YAMJIT_LOWERING": "-amx"}, {"YAMJIT_LOWERING": "avx2"}, {"NUMBA_DISABLE_JIT": "1"}]
)
def test_where_tiles_are_not_to_be_used_nothing_is_asked(variables: dict[str, str]) -> None:
    # Error 1 would be told.
    name, reason, _ = told(AMX_EMULATOR_REFUSES="1", **variables)
    assert "not permitted" not in reason
    assert name == ("amx" if "NUMBA_DISABLE_JIT" in variables else "avx512vnni")
