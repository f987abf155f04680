"""Plan files with wrong numbers and a right digest: each is refused, or runs in memory between pages of no access.

``python -m tests.support.guarded_plans FILE KIND COUNT SEED`` prints what it is about to run and then how many files
were refused and run; a step outside its memory ends the process. Guards are behind the memory with an even `SEED`,
before it with an odd one. Kinds:

- ``numbers``: one to three integers are wrong; with `COUNT` 0, every integer has every wrong value in turn.
- ``shapes``: a step has other sizes, and all columns that follow from them. What runs gives the same again in scratch
  memory that is as small as may be.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import mmap
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yamjit.kernels.log_mel.compiled import log_mel_entry
from yamjit.kernels.log_mel.tables import Field as Table
from yamjit.kernels.machine_code.loading import LoadedEntry
from yamjit.kernels.memory import padded
from yamjit.kernels.plan_file.entries import CHECK_PLAN, DIGEST
from yamjit.kernels.plan_file.layout import HEAD_FIELDS, HEADER_BYTES, Field, HeadField
from yamjit.kernels.prepared.columns import Prepared, VectorOp
from yamjit.kernels.prepared.uses import VECTOR_KERNELS, WALK, use_of
from yamjit.kernels.program import Column, StepOp
from yamjit.kernels.steps.compiled import run_steps
from yamjit.kernels.workspace import PREPARED_COLUMNS

__all__ = ["Guarded", "PlanRunner", "wrong_values"]

Int64 = npt.NDArray[np.int64]

_PAGE = mmap.PAGESIZE
_FILLED = 0x55
_PATCHES = 2
_ROOM = 2**21

#: Where parts of scratch memory begin, and the last one ends.
_SCRATCH = (Field.ACCUMULATORS, Field.IMAGE, Field.PANEL, Field.BORDER, Field.SCRATCH)
_SIZES = (*range(Column.INPUT_H, Column.OUTPUT_C + 1), *range(Column.KERNEL_H, Column.PAD_LEFT + 1))

#: What arenas hold before: samples, or any bytes.
_NOISE = np.random.default_rng(1).standard_normal(4099, np.float32)


class Guarded:
    """Memory between pages of no access; what its first or last page has beside it is watched.

    It ends where the page behind it begins, or, if `at_start`, begins where the page before it ends.
    """

    def __init__(self, size: int, *, at_start: bool = False) -> None:
        size = padded(size)
        inside = padded(size, _PAGE)
        self._map = mmap.mmap(-1, inside + 2 * _PAGE)
        first = _PAGE if at_start else _PAGE + inside - size
        page = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self.address = page + first
        self.bytes = np.frombuffer(self._map, np.uint8, size, first)
        self._beside = np.frombuffer(self._map, np.uint8, inside - size, _PAGE + size if at_start else _PAGE)
        self._beside[:] = _FILLED
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for guard in (page, page + _PAGE + inside):
            assert protect(guard, _PAGE, 0) == 0

    def is_whole(self) -> bool:
        """Return whether nothing was written beside the memory."""
        return bool((self._beside == _FILLED).all())


class PlanRunner:
    """One plan file in guarded memory, whose integers can be changed; the digest is repaired."""

    def __init__(self, content: bytes, *, at_start: bool = False) -> None:
        self._at_start = at_start
        self._file, self._content = Guarded(len(content), at_start=at_start), np.frombuffer(content, np.uint8)
        self.integers: Int64 = self._file.bytes.view(np.int64)
        self._check, self._digest = LoadedEntry(CHECK_PLAN), LoadedEntry(DIGEST)
        self._memory: dict[tuple[str, int], Guarded] = {}
        self.reset()

    def reset(self) -> None:
        """Take back all changes."""
        self._file.bytes[:] = self._content

    def places(self) -> list[int]:
        """Return the numbers of all integers that say where something is, how much of it, or how it runs."""
        header = self.integers[: HEADER_BYTES // 8].tolist()
        found = [*range(Field.SIZE + 1, Field.EMBEDDING_ZERO_POINT + 1)]
        parts = [(header[Field.STEPS_AT], header[Field.STEPS] * PREPARED_COLUMNS)]
        parts.append((header[Field.HEADS_AT], header[Field.HEADS] * HEAD_FIELDS))
        parts += [(head[HeadField.LABELS_AT], head[HeadField.CLASSES]) for head in self._heads(header)]
        if header[Field.TABLES_SIZE]:
            at = header[Field.TABLES_AT]
            tables = self.integers[at // 8 :].tolist()
            parts.append((at, len(Table)))
            parts.append((at + tables[Table.MEL_ROWS], 2 * tables[Table.BANDS]))
            parts.append((at + tables[Table.REVERSED], tables[Table.POINTS] // tables[Table.FIRST_RADIX]))
        for at, count in parts:
            found += range(at // 8, at // 8 + count)
        return found

    def check(self) -> list[int]:
        """Repair the digest and return what is found."""
        found = np.zeros(5, np.int64)
        start = 8 * Field.SIZE
        self._digest(self._file.address + start, self._file.bytes.size - start, found[4:].ctypes.data)
        self.integers[Field.DIGEST] = found[4]
        self._check(self._file.address, self._file.bytes.size, found.ctypes.data)
        return [int(number) for number in found[:4]]

    def loosen(self) -> None:
        """Give the file as it is, from now on, more memory than it needs."""
        self.integers[Field.ARENA] += _ROOM
        for number, field in enumerate(_SCRATCH, 1):
            self.integers[field] = number * _ROOM
        self._content = self._file.bytes.copy()

    def tighten(self) -> None:
        """Make the parts of scratch memory as small as the check takes them."""
        for field in _SCRATCH:
            refused, taken = -1, int(self.integers[field]) // 64
            while taken - refused > 1:
                tried = (refused + taken) // 2
                self.integers[field] = tried * 64
                refused, taken = (tried, taken) if self.check()[0] else (refused, tried)
            self.integers[field] = taken * 64
        self.check()

    def run(self) -> npt.NDArray[np.uint8]:
        """Run the file as it is in memory of the sizes that it asks for; return what is in its arena afterwards."""
        header = self.integers[: HEADER_BYTES // 8].tolist()
        plan, width = self._file.address, 4 * header[Field.FRAMES] * header[Field.BANDS]
        arena = self._take("arena", header[Field.ARENA] * _PATCHES + 64)
        scratch = self._take("scratch", header[Field.SCRATCH])
        patches = self._take("patches", _PATCHES * width)
        arena.bytes[:] = np.resize(_NOISE.view(np.uint8), arena.bytes.size)
        patches.bytes.view(np.float32)[:] = np.resize(_NOISE, patches.bytes.size // 4)
        scratch.bytes[:] = _FILLED
        used = [arena, scratch, patches, self._file]
        if header[Field.TABLES_SIZE]:
            samples = self._take("samples", 4 * header[Field.WINDOW])
            beside = self._take("front end", header[Field.LOG_MEL_SCRATCH])
            used += [samples, beside]
            for number in range(_PATCHES):
                out = patches.address + number * width
                tables = plan + header[Field.TABLES_AT]
                log_mel_entry(tables, samples.address, header[Field.FRAMES], beside.address, out)
        parts = [header[field] for field in (Field.ACCUMULATORS, Field.IMAGE, Field.PANEL, Field.BORDER)]
        for count in range(1, _PATCHES + 1):
            run_steps(
                plan + header[Field.STEPS_AT],
                0,
                header[Field.STEPS],
                plan + header[Field.CONSTANTS_AT],
                arena.address,
                scratch.address,
                *parts,
                *(_PATCHES, patches.address, width, count),
                *(0, 0, 0, 0),
            )
        self._read_heads(header)
        assert all(memory.is_whole() for memory in used), "something was written beside its memory"
        return arena.bytes.copy()

    def _heads(self, header: list[int]) -> Iterator[list[int]]:
        for number in range(header[Field.HEADS]):
            at = header[Field.HEADS_AT] // 8 + number * HEAD_FIELDS
            yield self.integers[at : at + HEAD_FIELDS].tolist()

    def _read_heads(self, header: list[int]) -> None:
        """Read as `yamjit.c` does: texts up to a zero byte, a value for each score of each class."""
        text = self._file.bytes[header[Field.TEXT_AT] :][: header[Field.TEXT_SIZE]].tobytes()
        for head in self._heads(header):
            classes = head[HeadField.CLASSES]
            labels = self.integers[head[HeadField.LABELS_AT] // 8 :][:classes].tolist()
            assert len(labels) == classes
            assert all(place >= 0 and text.index(b"\0", place) >= place for place in (head[HeadField.NAME_AT], *labels))
            if head[HeadField.SCORES_BYTES] == 1:
                values = head[HeadField.VALUES_AT] + 4 * (head[HeadField.VALUES_STRIDE] * (classes - 1) + 256)
                assert 0 <= head[HeadField.VALUES_AT] <= values <= self._file.bytes.size
            scores, logits = head[HeadField.SCORES_AT], head[HeadField.LOGITS_AT]
            for place, width in ((scores, head[HeadField.SCORES_BYTES]), (logits, head[HeadField.LOGITS_BYTES])):
                assert width in (1, 4)
                assert 0 <= place <= place + classes * width <= header[Field.ARENA]
        at, size = header[Field.EMBEDDING_AT], header[Field.EMBEDDING_SIZE] * header[Field.EMBEDDING_BYTES]
        assert 0 <= at <= at + size <= header[Field.ARENA]

    def _take(self, name: str, size: int) -> Guarded:
        if (name, size) not in self._memory:
            self._memory = {key: memory for key, memory in self._memory.items() if key[0] != name}
            self._memory[name, size] = Guarded(size, at_start=self._at_start)
        return self._memory[name, size]


def wrong_values(value: int) -> list[int]:
    """Return values that are near, negative, misaligned and far, and those at which products overflow."""
    near = {0, 1, 2, 3, 64, value - 1, value + 1, value - 64, value + 64, 2 * value, value // 2, -value}
    far = {-1, -64, 2**15, 2**20, 2**30, 2**31, 2**32 + 1, 2**40, 2**58, 2**61, 2**62, 2**63 - 64, 2**63 - 1, -(2**63)}
    return sorted((near | far) - {value})


def _wrong_numbers(runner: PlanRunner, count: int, seed: int) -> Iterator[object]:
    """Change integers, and say which; the caller takes changes back."""
    places = runner.places()
    old = {place: int(runner.integers[place]) for place in places}
    choose = random.Random(seed)

    def chosen() -> dict[int, int]:
        some = choose.sample(places, choose.choice((1, 1, 1, 2, 3)))
        return {place: choose.choice([*wrong_values(old[place]), old[choose.choice(places)]]) for place in some}

    each = ({place: value} for place in places for value in wrong_values(old[place]))
    for change in (chosen() for _ in range(count)) if count else each:
        for place, value in change.items():
            runner.integers[place] = max(min(value, 2**63 - 1), -(2**63))
        yield change


def _other_shapes(runner: PlanRunner, count: int, seed: int) -> Iterator[object]:
    """Give a step other sizes, an operation and places, and say how it looks; the caller takes changes back."""
    choose = random.Random(seed)
    steps, arena = int(runner.integers[Field.STEPS]), int(runner.integers[Field.ARENA])
    for _ in range(count):
        at = int(runner.integers[Field.STEPS_AT]) // 8 + choose.randrange(1, steps) * PREPARED_COLUMNS
        row = runner.integers[at : at + PREPARED_COLUMNS]
        for column in choose.sample(_SIZES, choose.randint(1, 4)):
            old = int(row[column])
            near = (old - 1, old + 1, old // 2, 2 * old, choose.randint(0, 20))
            row[column] = choose.choice([*near, choose.choice((1, 2, 3, 16, 32, 48, 64, 128, 192, 512))])
        if choose.random() < 0.5:
            row[Column.OUTPUT_C] = row[Column.INPUT_C]
        if choose.random() < 0.3:
            row[[Column.OUTPUT_H, Column.OUTPUT_W]] = row[[Column.INPUT_H, Column.INPUT_W]]
        if choose.random() < 0.2:
            row[Column.OP] = choose.choice([*StepOp, *VectorOp])
        if choose.random() < 0.2:
            row[Prepared.PAIRED] ^= 1
        if choose.random() < 0.3:
            row[[Column.INPUT, Column.OUTPUT]] = [choose.randrange(0, arena, 64), choose.randrange(0, arena, 64)]
        if choose.random() < 0.3:
            written = math.prod(max(size, 0) for size in row[Column.OUTPUT_H : Column.OUTPUT_C + 1].tolist())
            row[Column.OUTPUT] = max(0, arena - padded(written))
        if row[Column.OP] in VECTOR_KERNELS:
            row[[*WALK]] = use_of(row.tolist())[: len(WALK)]
        yield row.tolist()


def main(path: str, kind: str, count: str, seed: str) -> None:
    """Try changes of a file."""
    runner = PlanRunner(Path(path).read_bytes(), at_start=int(seed) % 2 == 1)
    assert runner.check()[0] == 0, runner.check()
    shapes = kind == "shapes"
    if shapes:
        runner.loosen()
    _run(runner, twice=True)
    runner.reset()
    refused = ran = 0
    for change in (_other_shapes if shapes else _wrong_numbers)(runner, int(count), int(seed)):
        if runner.check()[0]:
            refused += 1
        else:
            print("runs", change, flush=True)
            _run(runner, twice=shapes)
            ran += 1
        runner.reset()
    print(f"{refused} refused, {ran} run", flush=True)


def _run(runner: PlanRunner, *, twice: bool) -> None:
    """Run a file, and perhaps once more in the least scratch memory."""
    expected = runner.run()
    if twice:
        runner.tighten()
        assert (runner.run() == expected).all(), "scratch memory of another size gives other results"


if __name__ == "__main__":
    main(*itertools.islice(sys.argv, 1, 5))
