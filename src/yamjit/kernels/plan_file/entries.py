"""The entries that prove a plan file before anything of it runs, and turn one for engines that want it."""

from __future__ import annotations

from yamjit.kernels.machine_code.entry import Entry

__all__ = ["CHECK_PLAN", "DIGEST", "TURN"]

#: ``check_plan(plan, size, found)``: address and bytes of a file in memory, and address of four int64 that say what is
#: wrong with it: a `yamjit.kernels.plan_file.layout.Fault`, the number of the step or head, its column or field, and
#: the value found there.
CHECK_PLAN = Entry("yamjit.kernels.plan_file.check", "check_plan", (int,) * 3)

#: ``digest(address, size, out)``: XXH64 of bytes in memory, as a uint64 at the address `out`.
DIGEST = Entry("yamjit.kernels.plan_file.digest", "digest", (int,) * 3)

#: ``turn(plan)``: makes a plan for WebAssembly, at that address, one whose inputs are multiplied as uint8.
TURN = Entry("yamjit.kernels.plan_file.turning", "turn", (int,))
