"""``yamjit listen``: what is heard now, from a microphone or a pipe."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from yamjit.cli import arguments
from yamjit.cli.delivery import check_model, classifier_of
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED, INTERRUPTIONS, Patience
from yamjit.cli.outputs import Reads
from yamjit.errors import InputError
from yamjit.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yamjit.events import EventOptions, Watcher
    from yamjit.recording import WindowStream

__all__ = ["add_parser"]

_FORMATS = ("bars", "jsonl", "text", "csv", "dcase", "raven")

_EPILOG = """\
examples:
  yamjit listen                                    the default microphone, bars
  yamjit listen --events --on 0.4 --format jsonl   a line when an event begins and one when it is over
  arecord -q -f S16_LE -r 16000 -c 1 -t raw | yamjit listen --raw s16le -
  ffmpeg -v error -i rtsp://camera -vn -f s16le -ar 16000 -ac 1 - | yamjit listen --raw s16le -
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "listen",
        help="follow a microphone or a pipe",
        description="Follow a microphone (it needs sounddevice: pip install 'yamjit[mic]') or samples that come "
        "through a pipe, until Ctrl-C: with bars in a terminal, else with JSON lines.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "pipe",
        nargs="?",
        type=Reads("a recording"),
        choices=("-",),
        help="samples come through standard input; needs --raw",
    )
    parser.add_argument("--list-devices", action="store_true", help="print the microphones, and end")
    parser.add_argument("--device", metavar="NAME", help="a microphone by number or part of its name")
    parser.add_argument("--raw", metavar="ENCODING", help="of the samples in a pipe: s16le, f32le, u8, mulaw, ...")
    parser.add_argument(
        "--rate",
        type=arguments.whole(1000, 768_000, "sample rate in Hz"),
        metavar="HZ",
        help="sample rate (default: 16000 of a pipe)",
    )
    parser.add_argument(
        "--channels",
        type=arguments.whole(1, 64, "number of channels"),
        metavar="N",
        help="that are recorded (default: 1)",
    )
    parser.add_argument("--for", dest="end", type=arguments.seconds, metavar="SECONDS", help="end after so long")
    arguments.add_top(parser, some=True)
    parser.add_argument("--events", action="store_true", help="events in place of the classes of each window")
    parser.add_argument("--format", choices=_FORMATS, help="by default bars in a terminal, else jsonl")
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary on standard error")
    arguments.add_event_options(parser)
    arguments.add_windows(parser)
    arguments.add_listing(parser)
    arguments.add_model(parser)
    arguments.add_backend(parser)
    arguments.add_threads(parser)
    parser.set_defaults(run=_run, start=0.0, non_finite="zero")


def _run(args: argparse.Namespace) -> int:
    if args.list_devices:
        return _list_devices()
    from yamjit.reading import ReadOptions

    if not args.events and (lone := arguments.event_options_given(args)):
        raise InputError(f"{', '.join(lone)}: what is an event goes with --events")
    classifier = classifier_of(args)
    check_model(args, classifier)
    classifier.network.prepare()
    source = _source(args)
    with classifier.windows(source, level=True, reading=ReadOptions(**arguments.reading_of(args))) as stream:
        return _follow(args, stream, source)


def _list_devices() -> int:
    from yamjit.audio import input_devices

    for device in input_devices():
        mark = "*" if device.default else " "
        facts = f"{device.host_api}, {device.channels} channels, {device.sample_rate} Hz"
        print(f"{mark}{device.index:>3}  {device.name}  ({facts})")
    return EXIT_OK


def _source(args: argparse.Namespace) -> Any:
    from yamjit.audio import Microphone, RawPcm

    if args.raw is None and args.pipe is None:
        device = int(args.device) if args.device and args.device.isdecimal() else args.device
        return Microphone(device, sample_rate=args.rate, channels=args.channels)
    if args.raw is None:
        raise InputError("samples in a pipe need --raw ENCODING, such as --raw s16le --rate 16000")
    if args.device is not None:
        raise InputError("--device is a microphone, and --raw reads a pipe; give one of them")
    return RawPcm(sys.stdin.buffer, encoding=args.raw, sample_rate=args.rate or 16_000, channels=args.channels or 1)


def _follow(args: argparse.Namespace, stream: WindowStream, source: Any) -> int:
    """Follow a stream to its end; the summary comes however it ends."""
    from yamjit.cli.bars import Bars
    from yamjit.cli.live import BarSink, Delay, RowSink
    from yamjit.cli.progress import Progress
    from yamjit.output import FORMATS

    form = args.format or ("bars" if sys.stdout.isatty() else "jsonl")
    watcher = _watcher(stream, arguments.events_of(args)) if args.events else None
    delay = Delay(source)
    results = Progress(1, quiet=True).around(sys.stdout)
    with FORMATS["text" if form == "bars" else form].of_heads(stream.heads).open(results) as writer:
        if form == "bars":
            sink: Any = BarSink(stream, Bars(sys.stdout, several_heads=len(stream.heads) > 1), watcher, delay)
        else:
            writer.begin(stream.name)
            sink = RowSink(stream, writer, watcher, results if form == "jsonl" else None)
        interruption: BaseException | None = None
        told: set[str] = set()
        try:
            with Patience() as patience:
                for windows in stream:
                    _warn(args, getattr(source, "warnings", ()) if args.raw else (), told)
                    with patience.busy():
                        if len(windows):
                            delay.update(float(windows.times_s[-1]) + windows.window_s)
                            sink.take(windows)
        except INTERRUPTIONS as error:
            interruption = error
        if stream.count:
            sink.finish()
            writer.end(stream.summary())
    _warn(args, (*stream.warnings, *([stream.damage] if stream.damage else [])), told)
    _summarise(args, stream, delay)
    if interruption is not None:
        raise interruption
    return EXIT_SOME_FAILED if stream.lost else EXIT_OK


def _watcher(stream: WindowStream, options: EventOptions) -> Watcher:
    from yamjit.events import Watcher
    from yamjit.listing import Listing

    listing = Listing(stream.categories)
    return Watcher(listing, options, window_s=stream.window_s, hop_s=stream.hop_s, channels=stream.channels)


def _warn(args: argparse.Namespace, problems: Iterable[str], told: set[str]) -> None:
    """Say what was not said before."""
    for problem in problems:
        if problem not in told and not args.quiet:
            print(f"yamjit: warning: {printable(problem)}", file=sys.stderr, flush=True)
        told.add(problem)


def _summarise(args: argparse.Namespace, stream: WindowStream, delay: Any) -> None:
    if args.quiet:
        return
    print(
        f"yamjit: {printable(stream.name)}: listened for {stream.duration_s:.1f} s, {stream.count} windows, "
        f"{delay.summary()}",
        file=sys.stderr,
    )
