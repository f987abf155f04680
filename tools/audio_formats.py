"""A table of the audio files of a folder: what each decodes to, or why it does not.

::

    python -m tools.audio_formats FOLDER
    python -m tools.audio_formats

Every file is read to its end. The table is Markdown, in the order of the names. Without a folder it is one of the
encodings that this libsndfile writes and reads back. ``docs/formats.md`` holds both.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.checks.fuzz_audio import encodings
from yamjit.audio import open_audio
from yamjit.errors import YamjitError

__all__ = ["Finding", "encodings_table", "find", "table"]


class Finding(NamedTuple):
    """What is known of a file once it was read.

    Parameters
    ----------
    name : str
        Name of the file, without its folder.
    encoding : str
        Container and encoding, "" if it was refused.
    sample_rate, channels : int
        Sample rate in Hz and number of channels; 0 if the file was refused.
    duration_s : float
        Length of what was decoded, in seconds.
    remark : str
        Why it was refused, or what is wrong with it; "" if nothing is.
    """

    name: str
    encoding: str
    sample_rate: int
    channels: int
    duration_s: float
    remark: str

    @property
    def decoded(self) -> bool:
        """Whether samples came out."""
        return bool(self.encoding)


def find(path: Path) -> Finding:
    """Read a file to its end."""
    try:
        with open_audio(path) as audio:
            count = sum(block.shape[1] for block in audio.blocks())
            remarks = [text for text in (audio.damage, *audio.warnings) if text]
            shown = _without(path, "; ".join(remarks))
            seconds = count / audio.target_rate
            return Finding(path.name, audio.format, audio.sample_rate, audio.channels, seconds, shown)
    except YamjitError as error:
        return Finding(path.name, "", 0, 0, 0.0, _without(path, str(error)))


def table(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield "| file | container and encoding | Hz | channels | seconds | remark |"
    yield "|---|---|---:|---:|---:|---|"
    for found in findings:
        remark = found.remark.replace("|", r"\|")
        if found.decoded:
            cells = [found.encoding, str(found.sample_rate), str(found.channels), f"{found.duration_s:.3f}", remark]
        else:
            cells = ["refused", "", "", "", remark]
        yield f"| `{found.name}` | {' | '.join(cells)} |"


def encodings_table() -> Iterator[str]:
    """Yield the lines of a Markdown table of containers and their encodings that decode."""
    decoded: dict[str, list[str]] = {}
    for container, subtype, data in encodings():
        if _decodes(data) and subtype not in decoded.setdefault(container, []):
            decoded[container].append(subtype)
    yield "| container | encodings |"
    yield "|---|---|"
    for container, subtypes in decoded.items():
        yield f"| {container} | {', '.join(subtypes)} |"


def _decodes(data: bytes) -> bool:
    try:
        with open_audio(io.BytesIO(data)) as audio:
            return any(True for _ in audio.blocks())
    except YamjitError:
        return False


def _without(path: Path, text: str) -> str:
    return text.replace(f"{path}: ", "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.audio_formats", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    folder = parser.parse_args(arguments).folder
    if folder is None:
        print("\n".join(encodings_table()))
        return 0
    findings = [find(path) for path in sorted(folder.iterdir()) if path.is_file()]
    print("\n".join(table(findings)))
    decoded = sum(found.decoded for found in findings)
    print(f"\n{decoded} of {len(findings)} files decode, {len(findings) - decoded} are refused.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
