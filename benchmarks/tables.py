"""What was measured, as tables in Markdown, and what it was measured on."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import BASELINE
from benchmarks.inputs import model
from tools.checks.lowerings import compiled_lowering, fast_backend

__all__ = ["Row", "Table", "digits", "machine", "markdown", "processor", "processor_has", "ratio_table"]

#: Instruction sets that matter here, by the names that Linux has for them.
_SETS = {
    "AMX": "amx_int8",
    "AVX-512 VNNI": "avx512_vnni",
    "AVX-VNNI": "avx_vnni",
    "AVX2": "avx2",
    "dot products": "asimddp",
}


@dataclass(frozen=True)
class Row:
    """A contender in a case: its median, and how many times the baseline's speed that is in paired runs."""

    contender: str
    median: float
    ratio: float | None = None


@dataclass(frozen=True)
class Table:
    """A case; without rows, the title says why there are none."""

    case: str
    title: str
    unit: str
    rows: list[Row]


def ratio_table(case: str, title: str, times: Mapping[str, list[float]]) -> Table:
    """Return a table of seconds in rounds, which become medians in ms and median ratios within a round."""
    rows = []
    for name, own in times.items():
        ratios = [base / mine for base, mine in zip(times.get(BASELINE, []), own, strict=False)]
        rows.append(Row(name, 1e3 * statistics.median(own), statistics.median(ratios) if ratios else None))
    return Table(case, title, "ms", rows)


def markdown(table: Table) -> Iterator[str]:
    """Yield the lines of a table."""
    compared = any(row.ratio is not None for row in table.rows)
    yield f"| {table.title} | {table.unit} |" + (f" times the speed of {BASELINE} |" if compared else "")
    yield "|---|---:|" + ("---:|" if compared else "")
    for row in table.rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        yield f"| {row.contender} | {digits(row.median)} |" + (f" {ratio} |" if compared else "")


def digits(value: float) -> str:
    """Return three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def processor() -> str:
    """Return the name of this machine's processor."""
    names = _cpuinfo("model name")
    return names[0] if names else platform.processor() or platform.machine()


def processor_has() -> list[str]:
    """Return the instruction sets that matter here, of those that this processor has."""
    flags = set(" ".join(_cpuinfo("flags")[:1] + _cpuinfo("Features")[:1]).split())
    return [name for name, flag in _SETS.items() if flag in flags]


def _cpuinfo(key: str) -> list[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return [line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key]


def machine(versions: Mapping[str, str]) -> str:
    """Return what figures were measured on and with."""
    has, found, backend = processor_has(), model(), fast_backend()
    parts = [
        found.known.name if found.known else f"{found.path}, SHA-256 {found.sha256}",
        f"{processor()} ({', '.join(has)})" if has else processor(),
        f"{os.cpu_count()} cores",
        f"yamjit {backend}, lowering {compiled_lowering(backend)}",
        f"Python {platform.python_version()}",
        *(f"{name} {version}" for name, version in versions.items()),
    ]
    return ", ".join(parts)
