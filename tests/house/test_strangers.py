"""What strangers wrote: on a terminal, on a disk; files that are something else, heads, caches, servers."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import pickle
import random
import socket
import struct
import tarfile
import threading
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import yamjit
from yamjit.cli import main
from yamjit.cli.bars import fitted
from yamjit.cli.progress import Progress
from yamjit.errors import DownloadError, InputError, LimitError, ModelError, YamjitError
from yamjit.learn import Head
from yamjit.learn.calibrating import CalibrationReport
from yamjit.learn.describing import set_labels, set_texts
from yamjit.learn.embedding_cache import EmbeddingCache
from yamjit.output import FORMATS
from yamjit.results import Row
from yamjit.signatures import file_kind
from yamjit.spec import OFFICIAL_MODEL
from yamjit.store import download
from yamjit.text import json_text, printable, printable_lines, unportable
from yamjit.tflite import read_graph
from yamjit.tflite.patching import read_described, replace_metadata
from yamjit.trained.heads import Dense

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX files")

#: A terminal's title and colour; a C1 control; right to left; bell and delete; line ends; half a character.
HOSTILE = ("\x1b]0;title\x07\x1b[31mred", "\x9b31mC1", "\u202eRLO", "\x07\x7f", "a\u2028b", "\ufeffBOM")
UNSHOWN = set("\x1b\x07\x9b\u202e\x7f\u2028\ufeff")


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture
def small(small_model_path: Path) -> bytes:
    return small_model_path.read_bytes()


@pytest.fixture
def hostile(small: bytes, tmp_path: Path) -> Path:
    """The starter with names of classes, and of itself, that are after one's terminal."""
    described = read_described(small)
    names = [f"class {k}" for k in range(described.outputs[0].classes)]
    names[:4] = [f"x{text}x" for text in HOSTILE[:4]]
    changed = set_labels(described, names)
    path = tmp_path / "hostile.tflite"
    path.write_bytes(
        set_texts(read_described(changed), name=HOSTILE[0], description="\n".join(HOSTILE), author=HOSTILE[1])
    )
    return path


# -- A terminal -----------------------------------------------------------------------------------------------------


def test_text_is_shown_escaped() -> None:
    assert [printable(text) for text in HOSTILE] == [
        r"\x1b]0;title\x07\x1b[31mred",
        r"\x9b31mC1",
        r"\u202eRLO",
        r"\x07\x7f",
        r"a\u2028b",
        r"\ufeffBOM",
    ]
    assert printable("a\nb\tc\ud800") == r"a\nb\tc\ud800"
    assert printable_lines("a\n\tb\x1b\n") == "a\n\tb\\x1b\n"
    for plain in ("Hund", "鳥 Vogel", "فا\u200cرسی", "a\u00a0b", "\N{GRINNING FACE}", "C:\\x", ""):
        assert printable(plain) == plain


def test_json_is_escaped_without_loss() -> None:
    value = {"a": [*HOSTILE, "鳥\N{GRINNING FACE}", "\U000e0001", "\ud800"]}
    for indent in (None, 1):
        text = json_text(value, indent=indent)
        assert text.replace("\n", "").isprintable()
        assert json.loads(text) == value
    assert "鳥" in json_text(value)


@pytest.mark.parametrize("arguments", [("info", "--labels"), ("info", "--json"), ("labels",), ("labels", "--json")])
def test_models_are_described_escaped(
    hostile: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *options = arguments
    assert run(verb, *options, *(("--model", hostile) if verb == "labels" else (hostile,))) == 0
    out, err = capsys.readouterr()
    assert not set(out + err) & UNSHOWN
    assert "red" in out
    assert run("metadata", "show", hostile) == 0
    assert not set(capsys.readouterr().out) & UNSHOWN


def test_what_is_heard_is_shown_escaped(
    hostile: Path, examples: dict[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for path in examples:
        assert run("classify", path, "--model", hostile, "--top", 30, "-q", "--backend", "numpy") == 0
        out = capsys.readouterr().out
        assert r"x\x1b]0;title\x07\x1b[31mredx" in out
        assert not set(out) & UNSHOWN


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("form", ["csv", "raven", "dcase", "text", "jsonl"])
def test_tables_on_a_terminal_are_escaped_and_files_are_not(form: str) -> None:
    row = Row("a.wav", 0.0, 1.0, f"=1+1 {HOSTILE[0]}", 0.5, 0)
    written = []
    for stream in (Terminal(), io.StringIO()):
        with FORMATS[form].open(Progress(quiet=True).around(stream)) as writer:
            writer.begin("a.wav")
            writer.rows([row])
        written.append(stream.getvalue())
    assert not set(written[0]) & UNSHOWN
    assert "=1+1" in written[0]
    if form in ("csv", "raven", "dcase"):
        assert "\x07\x1b[31mred" in written[1]


def test_what_a_shell_completes_is_harmless() -> None:
    from yamjit.cli.classes import _completed

    assert _completed("s", ["Speech", "s\x1b[31m", "Sing", "s\u202e"]) == ["speech", "sing"]


def test_bars_are_of_one_line() -> None:
    assert [fitted(text, 40) for text in HOSTILE[:3]] == [printable(text) for text in HOSTILE[:3]]


def test_messages_are_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = tmp_path / "x\x1b[31m\x9b\u202e.wav"
    for arguments in (
        ("classify", name, "--model", "starter"),
        ("info", name),
        ("metadata", "show", name),
        ("metadata", "set-labels", name, name, "-o", tmp_path / "x.tflite"),
        ("export", name, "-o", tmp_path / "x.tflite", "--model", "starter"),
        ("train", name, "-o", tmp_path / "x.tflite", "--model", "starter"),
        ("train", tmp_path, "-o", name, "--model", "starter"),
        ("segments", tmp_path, "-o", name, "--model", "starter"),
        ("evaluate", name, "--model", "starter"),
    ):
        assert run(*arguments) in (1, 3)
        out, err = capsys.readouterr()
        assert not set(out + err) & UNSHOWN, arguments
        assert "31m" in err
    with pytest.raises(SystemExit):
        run("info", "x", "-\x1b]0;a file whose name begins with a minus\x07.wav")
    assert not set(capsys.readouterr().err) & UNSHOWN


def test_pictures_show_names_as_they_are(tmp_path: Path) -> None:
    plots = pytest.importorskip("yamjit.plots")
    pytest.importorskip("matplotlib")
    from yamjit.learn.evaluation import Evaluation
    from yamjit.plots import draw_confusion, drawing

    assert drawing.as_caption("$x^2$ \x1b") == r"\$x^2\$ \x1b"
    labels = ("$\\frac{", "$$", "犬\x1b", "_a")
    found = Evaluation(labels, tuple("abcd"), np.eye(4, dtype=bool), np.eye(4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.save_figure(draw_confusion(found), io.BytesIO(), "png")


# -- A disk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [".bashrc", "..", "a\x9b31mb", "CON", "nul.txt", "Com1", "LPT9.x", "AUX .y", "x ", "x.", "-rf", "~", "a:b", "a*",
     "x" * 201, "\u202etxt.exe", "\ud800"],
)  # fmt: skip
def test_names_that_are_not_written(name: str) -> None:
    assert unportable(name)


@pytest.mark.parametrize("name", ["labels.txt", "labels_de-DE.txt", "鳥.csv", "concert.txt", "com10", "a b (1)"])
def test_names_that_are_written(name: str) -> None:
    assert unportable(name) is None


def with_files(data: bytes, *names: str) -> bytes:
    """Return a model that holds more files, none of which its metadata mention."""
    described = read_described(data)
    assert described.metadata is not None
    return replace_metadata(described, described.metadata, {**described.files, **dict.fromkeys(names, b"evil")})


def test_only_files_of_harmless_names_are_extracted(
    small: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(
        with_files(small, ".bashrc", "a\x9b31mb", "CON", "x ", "Notes.txt", "notes.TXT", "linked", "m.tflite")
    )
    target = tmp_path / "precious"
    target.write_bytes(b"mine")
    if os.name != "nt":
        (tmp_path / "linked").symlink_to(target)
    assert run("metadata", "extract", path, "-o", tmp_path) == 3
    out, err = capsys.readouterr()
    assert not set(out + err) & UNSHOWN
    assert err.count("left out:") == (7 if os.name != "nt" else 6)
    assert target.read_bytes() == b"mine"
    assert len(path.read_bytes()) > 1000
    assert not (tmp_path / ".bashrc").exists()
    assert (tmp_path / "Notes.txt").read_bytes() == b"evil"


# -- Files that are something else ----------------------------------------------------------------------------------


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 40)
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("yamnet.tflite"))
    return stream.getvalue()


FOREIGN = {
    "Git LFS pointer (git lfs pull)": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4126810\n",
    "git-annex": b"/annex/objects/SHA256E-s4126810--aa.tflite\n",
    "web page (HTML)": b"<!DOCTYPE html><html><head><title>404</title></head></html>\n",
    "web page (HTML) ": b"\xef\xbb\xbf\r\n<!-- x --><HTML lang=de>",
    "web page (HTML)  ": "<html><body>".encode("utf-16"),
    "XML": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "server's error": b"404: Not Found\n",
    "JSON": b'{"message": "Not Found"}',
    "gzip": gzip.compress(b"x" * 100),
    "tar archive": tarred(),
    "zip archive": zipped("yamnet.tflite"),
    "PyTorch or TorchScript": zipped("archive/data.pkl", "archive/version"),
    "Keras (.keras)": zipped("metadata.json", "config.json"),
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(40),
    "ONNX": b"\x08\x07\x12\x07pytorch\x1a\x052.0.1",
    "SavedModel": b"\x08\x01\x12\xd4\x05\x0a\x1a",
    "pickle": b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.",
    "pickle, written as text": pickle.dumps({"a": 1}, protocol=0) + bytes(range(48, 58)),
    "GGUF": b"GGUF\x03\x00\x00\x00" + bytes(40),
    "ONNX Runtime (.ort)": b"\x08\x00\x00\x00ORTM" + bytes(40),
    "ExecuTorch (.pte)": b"\x30\x00\x00\x00ET12" + bytes(40),
    "OpenSSL encrypted": b"Salted__" + bytes(range(128, 200)),
    "an encrypted file": b"-----BEGIN PGP MESSAGE-----\n\nhQEMA1f\n",
    "safetensors": struct.pack("<Q", 60) + b'{"a":{"dtype":"F32"}}',
    "AppleDouble": b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ",
    "nothing but zeros": bytes(4096),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_model_that_is_something_else_says_what(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "yamnet.tflite"
    path.write_bytes(FOREIGN[kind])
    for read in (read_graph, read_described, lambda path: yamjit.load(path, backend="numpy")):
        with pytest.raises(ModelError) as caught:
            read(path)
        assert kind.strip() in str(caught.value)
        assert repr(str(path)) in str(caught.value)
    assert run("info", path) == 1
    assert kind.strip() in capsys.readouterr().err
    with pytest.raises(ModelError, match=r"^is a"):
        read_graph(FOREIGN["gzip"])  # bytes have no name


@pytest.mark.parametrize("kind", [*list(FOREIGN)[:9], "zip archive", "AppleDouble"])
def test_a_recording_that_is_something_else_says_what(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "owl.wav"
    path.write_bytes(FOREIGN[kind])
    assert run("classify", path, "--model", "starter") == 3
    err = capsys.readouterr().err
    assert kind.strip() in err
    assert "owl.wav" in err


def test_sound_files_are_nothing_else(small: bytes, examples: dict[Path, str]) -> None:
    for data in (small, *(path.read_bytes() for path in examples)):
        assert file_kind(data[:512], texts=True) is None
    for data in (b"", b"\0", b"RIFF", b"ID3\x04\0\0\0\0\0\0", b"\xff\xfb\x90\x64" + bytes(100), b"fLaC\0", b"OggS\0"):
        assert file_kind(data) in (
            None,
            "nothing but zeros, as an interrupted download or a damaged disk leaves them",
        )


def test_folders_say_what_they_are(tmp_path: Path) -> None:
    for name, says in (
        ("saved_model.pb", "SavedModel"),
        ("model.json", r"TensorFlow\.js"),
        ("x", "a directory|Is a directory"),
    ):
        folder = tmp_path / f"folder {name}"
        folder.mkdir()
        (folder / name).touch()
        for read in (read_graph, yamjit.load):
            with pytest.raises(ModelError, match=says):
                read(folder)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999])
def test_a_cut_download_says_so_and_its_name(small: bytes, share: float, tmp_path: Path) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes(small[: int(len(small) * share)])
    with pytest.raises(ModelError, match=r"cut\.tflite': .*cut"):
        yamjit.load(path, backend="numpy")


def test_missing_files_are_missing_files(tmp_path: Path) -> None:
    for read in (yamjit.load, read_graph, read_described, yamjit.load("starter", backend="numpy").classify):
        with pytest.raises(FileNotFoundError, match=r"none\.x") as caught:
            read(tmp_path / "none.x")
        assert isinstance(caught.value, (ModelError, yamjit.AudioError))
        assert caught.value.errno == 2
        again = pickle.loads(pickle.dumps(caught.value))
        assert (type(again), str(again)) == (type(caught.value), str(caught.value))
    with pytest.raises(yamjit.ModelNotFoundError):
        yamjit.load(tmp_path / "none.x")
    with pytest.raises(ModelError) as caught_empty:
        yamjit.load(b"")
    assert not isinstance(caught_empty.value, FileNotFoundError)


# -- Heads ----------------------------------------------------------------------------------------------------------


def head_bytes() -> bytes:
    dice = np.random.default_rng(0)
    layers = (Dense(dice.standard_normal((4, 32)), np.zeros(4)), Dense(dice.standard_normal((3, 4)), np.zeros(3)))
    return Head(("a", "b", "鳥"), "sigmoid", layers).to_bytes()


def arrays(method: int = zipfile.ZIP_STORED, **changed: bytes) -> bytes:
    """Return a head with other files in it; the checksums are right."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(head_bytes())) as sound, zipfile.ZipFile(stream, "w", method) as archive:
        for name in sound.namelist():
            archive.writestr(name, changed.get(name.removesuffix(".npy"), sound.read(name)))
    return stream.getvalue()


def npy(value: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array(value))
    return stream.getvalue()


def header(text: str) -> bytes:
    """Return the start of an array's file."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def described(dtype: str, shape: str) -> bytes:
    """Return the start of an array's file as NumPy writes it."""
    return header(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({shape}), }}")


def marked(offset: int, value: int) -> bytes:
    """Return a head whose directory entries have another byte."""
    data = bytearray(head_bytes())
    place = -1
    while (place := data.find(b"PK\x01\x02", place + 1)) >= 0:
        data[place + offset] = value
    return bytes(data)


BAD_HEADS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"no head at all, but text",
    "format inf": lambda: arrays(format=npy(np.inf)),
    "format of many": lambda: arrays(format=npy([1, 1])),
    "huge shape": lambda: arrays(weights0=described("<f4", "1099511627776, 32")),
    "negative": lambda: arrays(weights0=described("<f4", "-1, 32")),
    "no header": lambda: arrays(weights0=header("'''")),
    "deep header": lambda: arrays(weights0=header("(" * 60_000)),
    "objects": lambda: arrays(labels=described("|O", "3,") + bytes(24)),
    "no characters": lambda: arrays(labels=described("<U1", "3,") + b"\xff" * 12),
    "no numbers": lambda: arrays(weights0=npy([["a"] * 32] * 4)),
    "not finite": lambda: arrays(bias0=npy([np.nan] * 4)),
    "damaged": lambda: bytes(b ^ 255 if 300 < k < 364 else b for k, b in enumerate(arrays(zipfile.ZIP_DEFLATED))),
    "compression": lambda: marked(10, 9),
    "encrypted": lambda: marked(8, 1),
    "cut": lambda: head_bytes()[:-30],
    "a zip of something else": lambda: zipped("a.txt"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_HEADS)
def test_bad_heads_are_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "head.npz"
    path.write_bytes(BAD_HEADS[kind]())
    with pytest.raises(InputError, match=r"head\.npz"):
        Head.load(path)


def test_a_head_that_unpacks_to_more_is_refused_before(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("weights0.npy", "bias0.npy"):
            with archive.open(name, "w") as file:
                for _ in range(40):
                    file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(LimitError, match="claim 83886080 bytes"):
        Head.load(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2 * 2**20
    with path.open("wb") as sparse:
        sparse.truncate(2**40)
    with pytest.raises(LimitError, match="a head of 1099511627776 bytes"):
        Head.load(path)


def test_damaged_heads_raise_only_errors_of_this_package(tmp_path: Path) -> None:
    path, dice = tmp_path / "head.npz", random.Random(5)
    sound = (head_bytes(), arrays(zipfile.ZIP_DEFLATED))
    messages = []
    for index in range(400):
        data = bytearray(sound[index % 2])
        for _ in range(dice.choice((1, 2, 8))):
            place = dice.randrange(len(data)) if dice.random() < 0.5 else len(data) - 1 - dice.randrange(400)
            data[place] = dice.choice((0, 255, dice.randrange(256)))
        path.write_bytes(data if index % 5 else data[: dice.randrange(len(data))])
        try:
            Head.load(path)
        except YamjitError as error:
            messages.append(str(error))
    assert len(messages) > 300
    assert messages == [printable(message) for message in messages]


@posix
@pytest.mark.parametrize("kind", ["fifo", "zero", "folder", "missing"])
def test_files_of_any_kind_are_refused_at_once(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = {"zero": Path("/dev/zero")}.get(kind, tmp_path / kind)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    model = yamjit.load("starter", backend="numpy").source.path
    out, labels = tmp_path / "out.tflite", tmp_path / "labels.txt"
    labels.write_text("a\n", encoding="utf-8")
    for arguments in (
        ("export", path, "-o", out, "--model", "starter"),
        ("metadata", "show", path),
        ("metadata", "set-labels", model, path, "-o", out),
        ("metadata", "set-labels", model, labels, "--display-names", f"de={path}", "-o", out),
        ("metadata", "set-calibration", model, path, "-o", out),
        ("info", path),
        ("labels", "--model", path),
        ("classify", model, "--model", "starter", "--groups", path),
        ("classify", model, "--model", "starter", "--calibration", path),
    ):
        assert run(*arguments) == 1, arguments
        err = capsys.readouterr().err
        assert str(path) in err, arguments
        assert err.count("\n") == 1
    assert not out.exists()


# -- Caches ---------------------------------------------------------------------------------------------------------

KEY = "ab" * 32
EMBEDDINGS = np.arange(-12, 12, dtype=np.int8).reshape(3, 8)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[EmbeddingCache, Path]:
    """A cache that holds one entry, and its file."""
    cache = EmbeddingCache(tmp_path / "embeddings")
    cache.store(KEY, EMBEDDINGS)
    (path,) = (found for found in cache.directory.rglob("*") if found.is_file())
    return cache, path


def test_a_cache_gives_what_was_kept(kept: tuple[EmbeddingCache, Path]) -> None:
    cache, path = kept
    found = cache.load(KEY, 8)
    assert found is not None
    np.testing.assert_array_equal(found, EMBEDDINGS)
    assert cache.load(KEY, 4) is None
    assert cache.load("cd" * 32, 8) is None
    other = cache.directory / "cd" / path.name.replace("ab", "cd")
    other.parent.mkdir(mode=0o700)
    other.write_bytes(path.read_bytes())  # under the key of something else
    other.chmod(0o600)
    assert cache.load("cd" * 32, 8) is None


def test_a_cache_gives_nothing_that_was_changed(kept: tuple[EmbeddingCache, Path]) -> None:
    cache, path = kept
    sound = path.read_bytes()
    damaged = [sound[:cut] for cut in range(0, len(sound), 7)]
    damaged += [bytes((*sound[:k], sound[k] ^ 1, *sound[k + 1 :])) for k in range(0, len(sound), 3)]
    damaged += [b"PK\3\4xxxxxxxx", sound + b"x", bytes(len(sound)), sound[:128] + bytes(255 - x for x in sound[128:])]
    for data in damaged:
        path.write_bytes(data)
        assert cache.load(KEY, 8) is None
    cache.store(KEY, EMBEDDINGS)
    assert path.read_bytes() == sound


@posix
def test_a_cache_is_of_one_user(kept: tuple[EmbeddingCache, Path]) -> None:
    cache, path = kept
    for place, mode, before in ((path, 0o666, 0o600), (path.parent, 0o777, 0o700), (cache.directory, 0o770, 0o700)):
        place.chmod(mode)
        assert cache.load(KEY, 8) is None, place
        place.chmod(before)
        assert cache.load(KEY, 8) is not None
    path.unlink()
    os.mkfifo(path)
    assert cache.load(KEY, 8) is None
    cache.store(KEY, EMBEDDINGS)
    assert cache.load(KEY, 8) is not None


def test_where_nothing_can_be_kept_it_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = EmbeddingCache(tmp_path / "file" / "cache")
    for _ in range(3):
        cache.store(KEY, EMBEDDINGS)
        assert cache.load(KEY, 8) is None
    assert len([record for record in caplog.records if "embeddings cannot be stored" in record.message]) == 1


def test_several_writers_leave_a_whole_file(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    tmp_path.chmod(0o700)
    found: list[object] = []

    def work() -> None:
        for _ in range(10):
            cache.store(KEY, EMBEDDINGS)
            found.append(cache.load(KEY, 8))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert all(one is not None for one in found)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_training_does_not_believe_a_changed_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "cache"))
    for label, pitch in (("low", 300), ("high", 2500)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for k in range(2):
            sound = 0.3 * np.sin(2 * np.pi * (pitch + 20 * k) * np.arange(16_000) / 16_000)
            soundfile.write(tmp_path / "data" / label / f"{k}.wav", sound, 16_000)
    results = []
    for damage in (None, lambda data: b"PK\3\4xxxxxxxx", lambda data: data[:128] + bytes(255 - x for x in data[128:])):
        for path in (tmp_path / "cache" / "embeddings").rglob("*.npy") if damage else ():
            path.write_bytes(damage(path.read_bytes()))
        out = tmp_path / "out.tflite"
        assert (
            run("train", tmp_path / "data", "-o", out, "--folds", 0, "-q", "--model", "starter", "--backend", "numpy")
            == 0
        )
        results.append(out.read_bytes())
    assert results[0] == results[1] == results[2]


# -- Servers --------------------------------------------------------------------------------------------------------


def drip(connection: socket.socket, text: bytes) -> None:
    connection.sendall(text)
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def answer(kind: str, connection: socket.socket) -> None:
    good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % OFFICIAL_MODEL.size
    if kind == "body":
        drip(connection, good)
    elif kind == "headers":
        drip(connection, b"HTTP/1.1 200 OK\r\nX-Slow: ")
    elif kind == "status line":
        drip(connection, b"HTTP/1.1 200 ")
    elif kind == "chunks":
        drip(connection, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n")
    elif kind == "redirections":
        time.sleep(0.1)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    elif kind == "nothing":
        time.sleep(5)
    else:
        connection.sendall(b"HTTP/1.1 " + kind.encode("latin-1") + b"\r\nConnection: close\r\n\r\nxx")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """What makes a server that answers in one way, and returns its address."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    listening: list[socket.socket] = []

    def serve(kind: str) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listening.append(listener)
        port = listener.getsockname()[1]

        def work() -> None:
            while listener.fileno() >= 0:
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(4096)
                        answer(kind, connection)

        threading.Thread(target=work, daemon=True).start()
        return f"http://127.0.0.1:{port}/model"

    yield serve
    for listener in listening:
        listener.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["body", "headers", "status line", "chunks", "redirections", "nothing", "proxy"])
def test_a_deadline_is_a_deadline(kind: str, server: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pooch")
    monkeypatch.setattr(download, "DEADLINE_SECONDS", 0.6)
    url = server("headers" if kind == "proxy" else kind)
    if kind == "proxy":
        monkeypatch.setenv("http_proxy", url.removesuffix("/model"))
        url = "http://nowhere.invalid/model"
    threads = threading.active_count()
    begun = time.monotonic()
    with pytest.raises(DownloadError, match=r"within 0\.6 s"):
        download.download_known(OFFICIAL_MODEL, url, False, 30.0)
    assert time.monotonic() - begun < 4  # not the 30 s without a byte, nor the hours of a byte at a time
    assert threading.active_count() <= threads


@pytest.mark.parametrize(
    "kind",
    [
        "302 Found\r\nLocation: http://[",
        "302 Found\r\nLocation: http://a..b/",
        "302 Found\r\nLocation: \xff\xfe",
        "302 Found\r\nLocation: data:text/plain,x",
        "200 OK\r\nContent-Length: " + "9" * 5000,
        "200 OK\r\nContent-Length: -5",
        "200 OK\r\nContent-Encoding: gzip",
        "200 OK\r\nTransfer-Encoding: chunked",
        "200 OK\r\nX: " + "y" * 70_000,
        "503 \x1b[31m\x9b" + "z" * 5000,
    ],
)
def test_odd_answers_are_download_errors(kind: str, server: Callable[[str], str]) -> None:
    pytest.importorskip("pooch")
    with pytest.raises(DownloadError) as caught:
        download.download_known(OFFICIAL_MODEL, server(kind), False, 5.0)
    assert printable(str(caught.value)) == str(caught.value)
    assert len(str(caught.value)) < 400


# -- Calibration ----------------------------------------------------------------------------------------------------


def test_a_calibration_that_makes_scores_worse_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = np.zeros((1, 1))
    assert CalibrationReport(0.2, 0.1, nothing).warnings == CalibrationReport(0.2, 0.2, nothing).warnings == ()
    (line,) = CalibrationReport(0.0123, 0.2, nothing).warnings
    assert "0.0123" in line
    assert "0.2000" in line
    assert "worse" in line
