"""Jobs for runs over recordings, importable by the processes that do them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from yamjit.errors import AudioError, ModelError
from yamjit.runs.inputs import Recording

__all__ = ["Job"]


@dataclass(frozen=True)
class Job:
    """Does what the name of a recording says; keeps a list of who did it in `log`."""

    log: Path

    def __call__(self, recording: Recording) -> str:
        what = Path(recording.name).stem.partition("-")[0]
        with (self.log / recording.name.replace("/", "_")).open("a") as file:
            file.write(f"{os.getpid()}\n")
        if what == "bad":
            raise AudioError(f"{recording.name}: is bad")
        if what == "model":
            raise ModelError("is none")
        if what == "bug":
            raise RuntimeError("a bug")
        if what == "memory":
            raise MemoryError
        if what == "killer" or (what == "once" and self._tries(recording) == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "slow":
            time.sleep(0.5)
        if what == "stuck":
            time.sleep(1000)
        return recording.name.upper()

    def _tries(self, recording: Recording) -> int:
        return len((self.log / recording.name.replace("/", "_")).read_text().splitlines())
