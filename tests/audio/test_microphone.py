"""A microphone played by PulseAudio at the pace of time: a tone into a silent sink, whose monitor is recorded."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

sf = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

PROGRAMS = ["pulseaudio", "pactl", "paplay"]

HEARD = """
import json, sys, time
import numpy as np
from yamjit import ReadOptions
from yamjit.audio import Microphone, input_devices, open_audio
microphone = Microphone("default")
begun = time.monotonic()
times, parts = [], []
with open_audio(microphone, None, ReadOptions(end_s=3)) as audio:
    for block in audio.blocks():
        times.append(time.monotonic() - begun)
        parts.append(block[0])
samples = np.concatenate(parts)[16_000:]  # without the start
spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
print(json.dumps({
    "devices": [device.name for device in input_devices()],
    "samples": sum(map(len, parts)),
    "live": audio.live,
    "rms": float(np.sqrt(np.mean(samples**2))),
    "hz": float(spectrum.argmax() * 16_000 / samples.size),
    "pace": times[-1] - times[len(times) // 3],
    "overruns": microphone.overruns,
    "warnings": audio.warnings,
}))
"""

SLOW = """
import time
from yamjit.audio import Microphone, open_audio
microphone = Microphone(block_s=0.05, queue_s=0.2)
with open_audio(microphone) as audio:
    blocks = audio.blocks()
    next(blocks)
    time.sleep(1.5)
    next(blocks)
    print(microphone.overruns, microphone.lost_s)
"""

FOR_EVER = """
from yamjit.audio import Microphone, open_audio
with open_audio(Microphone()) as audio:
    for block in audio.blocks():
        print("heard", flush=True)
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Start a PulseAudio of our own that plays a tone of 440 Hz, RMS 0.1768; return the environment that hears it."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (Debian: pulseaudio, pulseaudio-utils)")
    home = tmp_path_factory.mktemp("pulse")
    home.chmod(0o700)
    (home / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    tone = 0.25 * np.sin(2 * np.pi * 440 * np.arange(16_000 * 60) / 16_000)
    sf.write(home / "tone.wav", tone.astype(np.float32), 16_000)
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PULSE_RUNTIME_PATH": str(home)}
    environment.pop("PULSE_SERVER", None)
    started = []
    try:
        sink = "module-null-sink sink_name=silent rate=16000 channels=1 format=s16le"
        server = ["pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no", "-L", "module-native-protocol-unix"]
        started.append(_start([*server, "-L", sink], environment))
        _wait_for_server(environment)
        subprocess.run(["pactl", "set-default-source", "silent.monitor"], env=environment, check=True)
        started.append(_start(["paplay", str(home / "tone.wav")], environment))
        if not _hears(environment):
            pytest.skip("needs sounddevice, PortAudio and the PulseAudio plugin of ALSA (Debian: libasound2-plugins)")
        yield environment
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(10)


def _start(command, environment):
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere)


def _wait_for_server(environment):
    for _ in range(50):
        if subprocess.run(["pactl", "info"], env=environment, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    pytest.skip("PulseAudio does not start here")


def _hears(environment):
    code = "import sounddevice; assert any(d['name'] == 'default' for d in sounddevice.query_devices())"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    return done.returncode == 0


def test_a_tone_is_heard_at_the_pace_of_time(sound):
    done = subprocess.run([sys.executable, "-c", HEARD], env=sound, capture_output=True, timeout=60, check=True)
    heard = json.loads(done.stdout)
    assert "default" in heard["devices"]
    assert heard["live"]
    assert heard["samples"] == 48_000
    assert heard["rms"] == pytest.approx(0.25 / 2**0.5, rel=0.01)
    assert heard["hz"] == pytest.approx(440, abs=1)
    assert heard["pace"] == pytest.approx(2.0, abs=0.6)  # two thirds of three seconds
    assert heard["overruns"] == 0
    assert heard["warnings"] == []


def test_a_slow_reader_is_told_what_it_lost(sound):
    done = subprocess.run([sys.executable, "-c", SLOW], env=sound, capture_output=True, timeout=60, check=True)
    overruns, lost_s = done.stdout.split()
    assert int(overruns) >= 10
    assert float(lost_s) == pytest.approx(1.3, abs=0.5)


def test_a_microphone_ends_with_an_interrupt(sound):
    process = subprocess.Popen(
        [sys.executable, "-c", FOR_EVER], env=sound, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"heard\n"
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=10)[1]
    finally:
        process.kill()
        process.wait()
    assert time.monotonic() - begun < 2
    assert b"KeyboardInterrupt" in errors
    assert process.returncode == -signal.SIGINT
