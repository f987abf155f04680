"""Kinds of files that are neither a model nor a recording, told by how they begin."""

from __future__ import annotations

import codecs
import os
import re

from yamjit.text import printable

__all__ = ["FLAC_MARK", "HEAD_BYTES", "OGG_MARK", "file_kind", "folder_kind", "is_recording"]

#: Beginnings of FLAC and of Ogg.
FLAC_MARK, OGG_MARK = b"fLaC", b"OggS"

#: Bytes of a file's beginning that are looked at.
HEAD_BYTES = 512

_CONTROLS = frozenset(map(chr, (*range(9), 11, *range(14, 32), 127)))

_CONVERT = "convert it with tf.lite.TFLiteConverter"
_UNPACK = "unpack it first"

#: Beginnings of texts that take the place of a file.
_TEXTS: tuple[tuple[str, str], ...] = (
    (r"version https?://[\w.-]+/spec/v?\d", "a Git LFS pointer (git lfs pull), not the file itself"),
    (r"(\.git|/)?/?annex/objects/", "a git-annex pointer (git annex get), not the file itself"),
    (
        r"(<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|title|meta|script)\b",
        "a web page (HTML), such as an error or a login form that a server sent in place of a file",
    ),
    (r"<\?xml\b|<Error>", "an XML document, such as an error that a file server sent in place of a file"),
    (r"\{.*\"(modelTopology|layers-model|graph-model)\"", f"a model of TensorFlow.js; {_CONVERT}"),
    (r"[{\[]\s*([\"{\[\]}\d-])", "a JSON document"),
    (
        r"[45]\d\d\b|(page |file |model )?not found|forbidden|access ?denied|unauthori[sz]ed",
        "a server's error in place of a file",
    ),
    (r"-----BEGIN PGP MESSAGE|age-encryption\.org/|-----BEGIN AGE", "an encrypted file; decrypt it first"),
    (r"\([dl]p\d+\s", "a Python pickle, written as text; it is never opened"),
    (r"#EXTM3U|\[playlist\]", "a playlist, which names other files"),
)

#: Shortest beginning that counts as text: the first bytes of many formats are letters.
_LEAST_TEXT = 12

#: Offset in a file, a pattern of the bytes there, and what the file is.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, rb"\x89HDF\r\n\x1a\n", f"an HDF5 file, such as a model of Keras (.h5); {_CONVERT}"),
    (257, rb"ustar", f"a tar archive; {_UNPACK}"),
    (0, rb"\x1f\x8b", f"a gzip archive (.gz, .tgz); {_UNPACK}"),
    (0, rb"7z\xbc\xaf\x27\x1c", f"a 7z archive; {_UNPACK}"),
    (0, rb"\xfd7zXZ\x00", f"an xz archive; {_UNPACK}"),
    (0, rb"BZh[1-9]1AY", f"a bzip2 archive; {_UNPACK}"),
    (0, rb"\x28\xb5\x2f\xfd", f"a Zstandard archive; {_UNPACK}"),
    (0, rb"Rar!\x1a\x07", f"a RAR archive; {_UNPACK}"),
    (0, rb"\x08\x01\x12", f"the file of a SavedModel of TensorFlow (saved_model.pb); {_CONVERT}"),
    (0, rb"\x08[\x02-\x0a]\x12[\x80-\xff]{0,4}[\x00-\x7f]\x0a", "a Core ML model"),
    (0, rb"\x08[\x03-\x1f](\x12[\x01-\x7f][A-Za-z]|[\x1a\x3a\x42])", "an ONNX model"),
    (
        0,
        rb"\x0a[\x80-\xff]{0,4}[\x01-\x7f]\x0a[\x01-\x7f][\w./:-]+\x12[\x01-\x40]",
        f"a frozen graph of TensorFlow (.pb); {_CONVERT}",
    ),
    (0, rb"\x80[\x02-\x05]", "a Python pickle, such as an old PyTorch or scikit-learn model; it is never opened"),
    (8, rb"\{\s*\"", "weights without a network (safetensors)"),
    (0, rb"GGUF|lmgg", "a model of llama.cpp or whisper.cpp (GGUF, GGML)"),
    (4, rb"ORTM", "a model of ONNX Runtime (.ort)"),
    (4, rb"ET\d\d", "a program of ExecuTorch (.pte)"),
    (0, rb"Salted__", "a file that OpenSSL encrypted; decrypt it first"),
    (0, rb"\x93NUMPY", "an array of NumPy (.npy)"),
    (0, rb"\x00\x05\x16[\x00\x07]", "metadata that macOS keeps beside a file (AppleDouble), not the file itself"),
    (0, rb"L\x00\x00\x00\x01\x14\x02\x00", "a Windows shortcut, not the file itself"),
    (0, rb"SQLite format 3\x00", "an SQLite database, such as a project of Audacity (.aup3); export the audio first"),
    (0, rb"%PDF-", "a PDF document"),
    (0, rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a", "a picture"),
    (0, rb"\x7fELF|MZ.\x00", "a program or a library"),
)

#: Beginnings of recordings.
_RECORDINGS = rb"RIFF....WAVE|RF64|fLaC|OggS|FORM....AIF|ID3|\xff[\xe2-\xff]|....ftyp|caff"

#: Name of the first file of a zip archive, and what the archive is.
_ZIPPED: tuple[tuple[bytes, str], ...] = (
    (
        rb"[^/]+/(data\.pkl|constants\.pkl|code/|version|byteorder|data/|\.data/|\.format_version)",
        "a PyTorch or TorchScript model",
    ),
    (rb"(metadata\.json|config\.json|model\.weights\.h5)", f"a model of Keras (.keras); {_CONVERT}"),
    (rb"[^/]+\.npy", "an archive of NumPy arrays (.npz)"),
)

#: Name of a file in a folder, and what the folder is.
_FOLDERS: tuple[tuple[str, str], ...] = (
    ("saved_model.pb", f"the folder of a SavedModel of TensorFlow; {_CONVERT}.from_saved_model"),
    ("model.json", f"the folder of a model of TensorFlow.js; {_CONVERT}"),
    ("Manifest.json", "a Core ML package"),
)


def file_kind(head: bytes, *, texts: bool = False) -> str | None:
    """Return what a file is, with an article, and what can be done about it; None if unknown, a model, or a recording.

    `head` is the first `HEAD_BYTES`, or all of a shorter file; `texts` asks for any other text to be reported as well.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
        kinds = (kind for pattern, kind in _ZIPPED if re.match(pattern, name))
        return next(kinds, f"a zip archive; {_UNPACK}")
    if head and not any(head):
        return "nothing but zeros, as an interrupted download or a damaged disk leaves them"
    for offset, pattern, kind in _SIGNATURES:
        if re.compile(pattern, re.DOTALL).match(head, offset):
            return kind
    return _text_kind(_as_text(head), texts)


def is_recording(head: bytes) -> bool:
    """Return whether a file begins as recordings do."""
    return re.match(_RECORDINGS, head, re.DOTALL) is not None


def folder_kind(path: str | os.PathLike[str]) -> str | None:
    """Return what a folder is, told by the files in it; None for an unknown one, or if it is not a folder."""
    return next((kind for name, kind in _FOLDERS if os.path.lexists(os.path.join(os.fsdecode(path), name))), None)  # noqa: PTH118


def _as_text(head: bytes) -> str:
    """Return the beginning of a text file; an empty string for other files."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = codecs.getincrementaldecoder("utf-16" if wide else "utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return ""
    return "" if set(text) & _CONTROLS else text.strip()


def _text_kind(text: str, texts: bool) -> str | None:
    for pattern, kind in _TEXTS:
        if re.match(pattern, text, re.DOTALL | re.IGNORECASE):
            return kind
    if not texts or len(text) < _LEAST_TEXT:
        return None
    return f"text, which begins {printable(' '.join(text.split()))[:60]!r}"
