"""``yamjit listen``: the sounds of a microphone or a pipe, as they come."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from yamjit.cli import arguments, values
from yamjit.cli.classes import add_listing, add_top
from yamjit.cli.delivery import check_model, classifier_of
from yamjit.cli.event_options import add_event_options, event_options_given
from yamjit.cli.exits import EXIT_OK, INTERRUPTIONS
from yamjit.cli.options import add_choice, add_flag, add_value
from yamjit.cli.outputs import Reads
from yamjit.cli.streams import tell
from yamjit.errors import InputError

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "follow a microphone or a pipe"
DESCRIPTION = (
    "Follow a microphone, or samples that arrive through a pipe, until Ctrl-C: with bars in a terminal, otherwise "
    "with JSON lines. A microphone needs sounddevice, the extra mic."
)

_FORMATS = ("bars", "jsonl", "text", "csv", "dcase", "raven")

_EPILOG = """\
examples:
  yamjit listen
  yamjit listen --events --on 0.4 --format jsonl
  arecord -q -f S16_LE -r 16000 -c 1 -t raw | yamjit listen --raw s16le -
  ffmpeg -v error -i rtsp://camera -vn -f s16le -ar 16000 -ac 1 - |
    yamjit listen --raw s16le -
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "read samples from standard input; needs --raw"
    parser.add_argument("pipe", nargs="?", type=Reads("a recording"), choices=("-",), help=text)
    add_flag(parser, "--list-devices", "print the microphones, and exit")
    add_value(
        parser, "--device", "NAME", str, "microphone, by its number or a part of its name (default: that of the system)"
    )
    add_value(parser, "--raw", "ENCODING", str, "encoding of the samples in a pipe: s16le, f32le, u8, mulaw, ...")
    text = "sample rate (default: that of the microphone; 16000 for a pipe)"
    add_value(parser, "--rate", "HZ", values.rate, text)
    add_value(parser, "--channels", "N", values.channels, "number of channels (default: 1)")
    text = "end with an error if no sound comes for this time (default: 10 for a microphone, never for a pipe)"
    add_value(parser, "--patience", "SECONDS", values.seconds, text)
    add_value(parser, "--for", "SECONDS", values.seconds, "end after this time (default: never)", dest="end")
    add_top(parser, all_too=False)
    add_flag(parser, "--events", "report events in place of the classes of each window")
    text = "format of the results (default: bars in a terminal, text in a dumb one, otherwise jsonl)"
    add_choice(parser, "--format", _FORMATS, text)
    arguments.add_quiet(parser, "no notes, warnings or summary; errors are still printed")
    add_event_options(parser)
    arguments.add_clock(parser, arguments.add_windows(parser))
    add_listing(parser)
    arguments.add_model(parser)
    parser.epilog = _EPILOG
    parser.set_defaults(start=0.0, non_finite="zero")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.cli.following import follow

    if args.list_devices:
        return _list_devices()
    if not args.events and (lone := event_options_given(args)):
        raise InputError(f"{', '.join(lone)} can only be used with --events")
    source = _pipe(args)
    try:
        classifier = classifier_of(args)
        check_model(args, classifier)
        classifier.network.warm_up()
        source = source or _microphone(args)
    except INTERRUPTIONS:
        if not args.quiet:
            tell("ended before it began to listen")
        raise
    with classifier.windows(source, level=True, reading=arguments.reading_of(args)) as stream:
        try:
            return follow(args, stream, source)
        except BrokenPipeError:
            tell("error: standard output: nobody reads the results any more; those that were not read are lost")
            raise


def _list_devices() -> int:
    from yamjit.audio import input_devices

    for device in input_devices():
        mark = "*" if device.default else " "
        facts = f"{device.host_api}, {device.channels} channels, {device.sample_rate} Hz"
        print(f"{mark}{device.index:>3}  {device.name}  ({facts})")
    return EXIT_OK


def _pipe(args: argparse.Namespace) -> Any:
    """Return the samples that arrive through a pipe; None if a microphone is to be opened."""
    from yamjit.audio import RawPcm

    if args.raw is None and args.pipe is None:
        if args.recorded_at is not None:
            raise InputError("--recorded-at is for sound from a pipe that was recorded before: it needs --raw")
        return None
    if args.raw is None:
        raise InputError("samples in a pipe need --raw ENCODING, such as --raw s16le --rate 16000")
    if args.device is not None:
        raise InputError("--device is for a microphone, and --raw for a pipe: give one of them")
    rate, channels = args.rate or 16_000, args.channels or 1
    return RawPcm(sys.stdin.buffer, encoding=args.raw, sample_rate=rate, channels=channels, **_patience(args))


def _microphone(args: argparse.Namespace) -> Any:
    from yamjit.audio import Microphone

    device = int(args.device) if args.device and args.device.isdecimal() else args.device
    return Microphone(device, sample_rate=args.rate, channels=args.channels, **_patience(args))


def _patience(args: argparse.Namespace) -> dict[str, Any]:
    return {} if args.patience is None else {"patience_s": args.patience}
