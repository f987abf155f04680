"""A program ends without a word, whatever is still open, in whichever thread."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_BEFORE = """
import os, sys, threading, time, warnings
import numpy as np
import yamjit
from yamjit.audio import open_audio
from tests.support.sound_device import Device

device = Device(44100, 1)
sys.modules["sounddevice"] = device.module()
SIREN = sys.argv[1]
noise = np.random.default_rng(0).standard_normal(44100).astype("f4") * 0.1
model = yamjit.load("starter", backend="numpy")
"""

_OPEN = """
stream = model.stream(44100)
stream.push(noise)
stream.itself = stream
source = open_audio(noise, 44100)
blocks = source.blocks()
next(blocks)
file = model.windows(SIREN)
windows = iter(file)
next(windows)
events = model.watch(SIREN)
next(events)
"""

_THREADS = """
helped = iter(yamjit.load("starter", backend="numpy", threads=3).windows(np.tile(noise, 60), sample_rate=44100))
next(helped)

def push():
    own = model.stream(44100)
    while True:
        own.push(noise)

def hear():
    while True:
        model.classify(SIREN)

heard = iter(model.windows(yamjit.Microphone()))
for work in (push, hear, lambda: next(heard)):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
"""

_RECORD = """
from yamjit.task.audio import AudioRecord
record = AudioRecord(1, 16000, 16000)
record.start_recording()
time.sleep(0.2)
device.streams[-1].hear(np.zeros((4410, 1)))
"""

_FORK = """
warnings.simplefilter("ignore", DeprecationWarning)
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    stream.push(noise)
"""

_AT_EXIT = """
import atexit
atexit.register(stream.push, noise)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(_OPEN, id="open"),
        pytest.param(_THREADS, id="threads"),
        pytest.param(_RECORD, id="record"),
        pytest.param(f"{_RECORD}del record", id="dropped record"),
        pytest.param(f"{_OPEN}{_AT_EXIT}", id="used at exit"),
        pytest.param(f"{_OPEN}{_THREADS}{_RECORD}sys.exit(0)", id="everything"),
        pytest.param(
            f"{_OPEN}{_FORK}",
            id="fork",
            marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
        ),
    ],
)
def test_not_a_word(script: str, examples: dict[Path, str]) -> None:
    (siren,) = (path for path in examples if path.stem == "siren")
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", _BEFORE + script, siren],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
