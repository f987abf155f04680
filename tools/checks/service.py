"""The service under load, on this machine: what HTTP costs, many streams on one core, more requests than may wait.

::

    python -m tools.checks.service throughput --model MODEL --seconds 60
    python -m tools.checks.service streams --model MODEL --count 300 --for 30
    python -m tools.checks.service overload --model MODEL
    python -m tools.checks.service fuzz --count 5000

Each prints one line of JSON. `throughput` compares windows a second of one worker with those of the same work in this
process, in turns; `streams` sends noise at the pace at which it sounds to a service that has one core, and tells how
long lines take after the block that completes their window; `overload` sends ten times as many requests as may wait,
again and again, and tells codes and memory; `fuzz` sends the mutants of ``tools.checks.fuzz_audio``. The exit code is 1
where one was not answered as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import io
import json
import os
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.support.service import Server, running

__all__ = ["main"]

#: Lengths of the recordings of `throughput`, in seconds.
_LENGTHS_S = (10, 30, 60, 300)

#: Length of a window, and from one to the next, in seconds.
_WINDOW_S, _HOP_S = 0.975, 0.48


def main() -> int:
    """Run what the arguments say; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("throughput", "streams", "overload", "fuzz"))
    parser.add_argument("--model", default="starter")
    parser.add_argument("--seconds", type=float, default=60, help="of throughput, for each length of recordings")
    parser.add_argument("--count", type=int, default=300, help="streams, or mutants")
    parser.add_argument("--for", dest="during", type=float, default=30, help="seconds of each stream")
    parser.add_argument("--block", type=float, default=_HOP_S, help="seconds of each message of a stream")
    parser.add_argument("--rounds", type=int, default=4, help="of overload")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    print(json.dumps(found := globals()[f"_{args.what}"](args)))
    return 0 if found["good"] else 1


def _recording(seconds: float) -> bytes:
    rng = np.random.default_rng(3)
    samples = rng.normal(0, 2000, int(16_000 * seconds)) * (1 + np.sin(np.arange(int(16_000 * seconds)) / 9000))
    file = io.BytesIO()
    soundfile.write(file, samples.clip(-32_768, 32_767).astype(np.int16), 16_000, format="WAV")
    return file.getvalue()


def _throughput(args: argparse.Namespace) -> dict[str, Any]:
    import yamjit

    model = yamjit.load(args.model)
    model.network.warm_up()
    ratios = {}
    with running("--workers", "1", model=args.model) as server:
        for length in _LENGTHS_S:
            content = _recording(length)
            pairs = [
                (_over_http(server, content, args.seconds / 10), _directly(model, content, args.seconds / 10))
                for _ in range(5)
            ]
            ratios[f"{length} s"] = {
                "share": round(statistics.median(ours / direct for ours, direct in pairs), 3),
                "windows_s": round(statistics.median(ours for ours, _ in pairs)),
                "direct_windows_s": round(statistics.median(direct for _, direct in pairs)),
            }
    return {"lengths": ratios, "good": min(one["share"] for one in ratios.values()) >= 0.85}


def _directly(model: Any, content: bytes, seconds: float) -> float:
    from yamjit.output import FORMATS
    from yamjit.runs.formats import RowFormat
    from yamjit.runs.hearing import Classes
    from yamjit.runs.inputs import Recording

    form, begun, windows = RowFormat("json", FORMATS["json"]), time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        recording = Recording("<stdin>", Path("recording"), audio=io.BytesIO(content))
        with form.open(io.BytesIO()) as writer:
            windows += form.hear(Classes(model), recording, writer).windows
    return windows / (time.perf_counter() - begun)


def _over_http(server: Server, content: bytes, seconds: float) -> float:
    begun = time.perf_counter()

    def client(_: int) -> int:
        windows = 0
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
            while time.perf_counter() - begun < seconds:
                connection.request("POST", "/v1/classify", content)
                windows += json.loads(connection.getresponse().read())[0]["windows"]
        return windows

    with ThreadPoolExecutor(3) as threads:  # as many as keep the worker busy
        windows = sum(threads.map(client, range(3)))
    return windows / (time.perf_counter() - begun)


def _streams(args: argparse.Namespace) -> dict[str, Any]:
    with running(
        "--workers", "1", "--streams", str(args.count), "--connections", str(args.count + 100), model=args.model
    ) as one:
        for task in Path(f"/proc/{one.process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {0})
        os.sched_setaffinity(0, set(range(1, os.cpu_count() or 2)))
        before = _processor_s(one.process.pid)
        lags = sorted(asyncio.run(_all_streams(one, args)))
        used = _processor_s(one.process.pid) - before
        memory = _resident(one.process.pid)
    most, sent_s = lags[-1], _blocks(args) * args.block
    expected = args.count * (1 + int((sent_s - _WINDOW_S) / _HOP_S + 1e-9))
    return {
        "streams": args.count,
        "windows": len(lags),
        "expected": expected,
        "lag_p50_s": round(statistics.median(lags), 3),
        "lag_p99_s": round(lags[int(0.99 * len(lags))], 3),
        "lag_max_s": round(most, 3),
        "processor_share": round(used / args.during, 2),
        "per_window_ms": round(1000 * used / len(lags), 2),
        "resident_mb": round(memory / 2**20),
        "good": most < 1 and len(lags) == expected,
    }


def _blocks(args: argparse.Namespace) -> int:
    return int(args.during / args.block + 1e-9)


async def _all_streams(server: Server, args: argparse.Namespace) -> list[float]:
    noise = np.random.default_rng(1).normal(0, 3000, 16_000 * 4).astype("<i2").tobytes()
    waits_s = np.arange(args.count) * _HOP_S / args.count
    every = await asyncio.gather(*(_one_stream(server, noise, _blocks(args), args.block, wait_s) for wait_s in waits_s))
    return [lag for lags in every for lag in lags]


async def _one_stream(server: Server, noise: bytes, blocks: int, block_s: float, wait_s: float) -> list[float]:
    from websockets.asyncio.client import connect

    size = 2 * round(16_000 * block_s)
    sent: list[float] = []
    lags: list[float] = []
    address = f"ws://127.0.0.1:{server.port}/v1/listen"
    async with connect(address, compression=None, open_timeout=60, ping_interval=None) as stream:

        async def receive() -> None:
            last = -1.0
            async for line in stream:
                row = json.loads(line)
                if row["type"] == "row" and row["start_s"] != last:
                    last = row["start_s"]
                    block = int(np.ceil((last + _WINDOW_S) / block_s - 1e-9)) - 1
                    if block < len(sent):  # else it came with the end
                        lags.append(time.monotonic() - sent[block])

        receiving = asyncio.ensure_future(receive())
        await asyncio.sleep(max(0.0, 5 + wait_s - time.monotonic() % 1))
        begun = time.monotonic()
        for index in range(blocks):
            await asyncio.sleep(max(0.0, begun + index * block_s - time.monotonic()))
            at = index * size % (len(noise) - size)
            sent.append(time.monotonic())
            await stream.send(noise[at : at + size])
        await stream.send("end")
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(receiving, 30)
    return lags


def _overload(args: argparse.Namespace) -> dict[str, Any]:
    content, codes, memory = _recording(20), Counter[int](), []
    with running("--workers", "1", "--queue", "16", model=args.model) as server, _sampled(server, memory):
        for _ in range(args.rounds):
            with ThreadPoolExecutor(170) as threads:
                codes.update(threads.map(lambda _: server.post("/v1/classify", content).status, range(170)))
    half = len(memory) // 2
    growth = max(memory[half:]) - max(memory[:half])
    good = set(codes) == {200, 503} and sum(codes.values()) == 170 * args.rounds and growth < 20 * 2**20
    return {"codes": codes, "resident_mb": round(max(memory) / 2**20), "growth_mb": round(growth / 2**20), "good": good}


def _fuzz(args: argparse.Namespace) -> dict[str, Any]:
    from tools.checks.fuzz_audio import mutant

    codes, slowest, memory = Counter[int](), 0.0, []
    with running("--workers", "1", model=args.model) as server, _sampled(server, memory):
        for index in range(args.count):
            begun = time.perf_counter()
            codes[server.post("/v1/classify", mutant(args.seed, index).data).status] += 1
            slowest = max(slowest, time.perf_counter() - begun)
        lost = server.metric("yamjit_workers_lost")
        said = server.said[1:]
    found = {"codes": codes, "workers_lost": lost, "slowest_s": round(slowest, 2), "said": said}
    return {
        **found,
        "resident_mb": round(max(memory) / 2**20),
        "good": set(codes) <= {200, 400, 413} and not lost and not said,
    }


@contextlib.contextmanager
def _sampled(server: Server, memory: list[int]) -> Iterator[None]:
    """Note the memory of the service and its workers until the end of the block."""
    over = threading.Event()

    def sample() -> None:
        while not over.wait(0.1):
            memory.append(sum(map(_resident, (server.process.pid, *server.workers()))))

    sampling = threading.Thread(target=sample)
    sampling.start()
    try:
        yield
    finally:
        over.set()
        sampling.join()


def _resident(process: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _processor_s(process: int) -> float:
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
