"""Where the model comes from: order, cache, downloads from a local server that misbehaves."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import http.server
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from yamjit.errors import (
    DependencyError,
    DownloadError,
    InputError,
    LimitError,
    ModelError,
    ModelNotFoundError,
)
from yamjit.spec import OFFICIAL_MODEL, KnownModel, Limits
from yamjit.store import cache_path, fetch_official, resolve_model

pytest.importorskip("pooch")

CONTENT = np.random.default_rng(0).bytes(50_000)
OTHER = CONTENT[:-1] + b"?"
KNOWN = KnownModel("a model", "model.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each path in its own wrong way."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.requests.append(self.path)
        name, _, argument = self.path[1:].partition("/")
        getattr(self, f"serve_{name}")(argument)

    def send(self, body, *, status=200, length=None, kind="application/octet-stream", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not False:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def serve_good(self, _):
        self.send(CONTENT)

    def serve_unannounced(self, _):
        self.send(CONTENT, length=False)

    def serve_slow(self, _):
        self.send(b"", length=len(CONTENT))
        for start in range(0, len(CONTENT), 10_000):
            time.sleep(0.02)
            self.wfile.write(CONTENT[start : start + 10_000])

    def serve_status(self, code):
        self.send(b"no", status=int(code))

    def serve_cut(self, at):
        self.send(CONTENT[: int(at)], length=len(CONTENT))

    def serve_short(self, at):
        self.send(CONTENT[: int(at)], length=False)

    def serve_longer(self, _):
        self.send(CONTENT + b"x")

    def serve_endless(self, _):
        self.send(CONTENT, length=False)
        try:
            while True:
                self.wfile.write(bytes(2**16))
        except OSError:
            pass

    def serve_html(self, _):
        self.send(b"<html>please log in</html>", kind="text/html")

    def serve_other(self, _):
        self.send(OTHER)

    def serve_loop(self, n):
        self.send(b"", status=302, Location=f"/loop/{int(n or 0) + 1}")

    def serve_redirect(self, _):
        self.send(b"", status=302, Location="/good")

    def serve_away(self, _):
        self.send(b"", status=302, Location="file:///etc/passwd")

    def serve_escapes(self, _):
        self.send_response(404, "\x1b[31mred\x07")
        self.end_headers()

    def serve_garbage(self, _):
        self.wfile.write(b"\xff\xfe not http\r\n\r\n")

    def serve_stall(self, at):
        self.send(CONTENT[: int(at or 0)], length=len(CONTENT))
        self.server.stopping.wait(10)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args):
        """Stay silent about clients that leave."""


@pytest.fixture
def server():
    server = Server(("127.0.0.1", 0), Handler)
    server.requests = []
    server.stopping = threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An own cache directory, not there yet, and none of the user's variables."""
    for variable in ("YAMJIT_MODEL", "YAMJIT_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    directory = tmp_path / "cache" / "deep"
    monkeypatch.setenv("YAMJIT_CACHE", str(directory))
    return directory


def at(server, path):
    return KNOWN._replace(url=f"http://127.0.0.1:{server.server_port}/{path}")


def put(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def files(directory):
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


# --- order


def test_order(server, cache, tmp_path, monkeypatch):
    argument, variable = put(tmp_path / "argument", b"1"), put(tmp_path / "variable", b"2")
    monkeypatch.setenv("YAMJIT_MODEL", str(variable))
    known = at(server, "good")

    model = resolve_model(argument, known=known)
    assert (model.data, model.origin, model.path) == (b"1", "argument", argument)
    model = resolve_model(known=known)
    assert (model.data, model.origin, model.path) == (b"2", "$YAMJIT_MODEL", variable)
    assert not server.requests
    monkeypatch.setenv("YAMJIT_MODEL", "")
    model = resolve_model(known=known)
    assert (model.data, model.origin, model.path) == (CONTENT, "download", cache / "model.bin")
    model = resolve_model(known=known)
    assert (model.data, model.origin, model.path) == (CONTENT, "cache", cache / "model.bin")
    assert server.requests == ["/good"]


def test_a_model_is_verified_by_its_hash(tmp_path):
    model = resolve_model(CONTENT, known=KNOWN)
    assert model.verified
    assert model.known is KNOWN
    assert model.sha256 == KNOWN.sha256
    model = resolve_model(OTHER, known=KNOWN)
    assert not model.verified
    assert model.known is None
    assert model.sha256 == hashlib.sha256(OTHER).hexdigest()
    assert "data" not in repr(model)
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.origin = "x"


@pytest.mark.model
def test_the_official_model_is_known(official_model_path, monkeypatch):
    monkeypatch.setenv("YAMJIT_MODEL", str(official_model_path))
    model = resolve_model()
    assert model.known is OFFICIAL_MODEL
    assert len(model.data) == OFFICIAL_MODEL.size


# --- the argument


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_a_model_in_memory(kind):
    model = resolve_model(kind(CONTENT))
    assert (model.data, model.origin, model.path) == (CONTENT, "argument", None)


def test_a_model_as_path_or_open_file(tmp_path):
    path = put(tmp_path / "m\nodel")
    assert resolve_model(str(path)).data == resolve_model(path).data == CONTENT
    with path.open("rb", buffering=0) as file:
        assert resolve_model(file).data == CONTENT


@pytest.mark.parametrize("argument", [1, 1.0, [], {}, object(), io.StringIO("x")])
def test_other_arguments_are_refused(argument):
    with pytest.raises(InputError):
        resolve_model(argument)


def test_a_bad_path_names_itself(tmp_path):
    put(tmp_path / "empty", b"")
    for path, reason in (
        (tmp_path / "no\nthing", "No such file"),
        (tmp_path, "directory"),
        (tmp_path / "empty", "is empty"),
        ("a\0b", "null"),
        ("\udcff", "No such file"),
    ):
        with pytest.raises(ModelError, match=reason) as caught:
            resolve_model(path)
        assert str(caught.value).isprintable()
        assert repr(str(path)) in str(caught.value)


def test_a_bad_variable_names_itself_and_nothing_else_is_tried(server, tmp_path, monkeypatch):
    monkeypatch.setenv("YAMJIT_MODEL", str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match=r"^\$YAMJIT_MODEL: '.*nothing': cannot be read: No such file"):
        resolve_model(known=at(server, "good"))
    assert not server.requests


@pytest.mark.skipif(os.name == "nt", reason="POSIX files")
def test_what_is_no_file_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", "/dev/zero"):
        with pytest.raises(ModelError, match="not a regular file but a pipe"):
            resolve_model(path)


def test_no_more_is_read_than_the_limit(tmp_path):
    path = put(tmp_path / "model")

    class Endless:
        def read(self, n):
            return bytes(n)

    limits = Limits(file_bytes=len(CONTENT))
    for argument in (CONTENT, path, io.BytesIO(CONTENT)):
        assert resolve_model(argument, limits=limits).data == CONTENT
    limits = Limits(file_bytes=len(CONTENT) - 1)
    for argument in (CONTENT, path, io.BytesIO(CONTENT), Endless()):
        with pytest.raises(LimitError, match="file_bytes"):
            resolve_model(argument, limits=limits)


def test_a_file_object_that_fails():
    class Failing:
        def read(self, n):
            raise OSError(errno.EIO, "disk on fire")

    with pytest.raises(ModelError, match="disk on fire"):
        resolve_model(Failing())


# --- downloads


@pytest.mark.parametrize("path", ["good", "unannounced", "slow", "redirect"])
@pytest.mark.parametrize("call", [resolve_model, fetch_official])
def test_good_downloads(server, cache, path, call, capfd):
    model = call(known=at(server, path))
    assert (model.data, model.origin, model.path) == (CONTENT, "download", cache / "model.bin")
    assert model.verified
    assert files(cache) == ["model.bin"]
    assert (cache / "model.bin").read_bytes() == CONTENT
    assert capfd.readouterr() == ("", "")


BAD = {
    "status/404": "answers 404",
    "status/500": "answers 500",
    "cut/0": "IncompleteRead",
    "cut/1": "IncompleteRead",
    f"cut/{len(CONTENT) // 2}": "IncompleteRead|ended after",
    f"cut/{len(CONTENT) - 1}": "IncompleteRead|ended after",
    "short/0": f"ended after 0 of {len(CONTENT)} bytes",
    f"short/{len(CONTENT) - 1}": f"ended after {len(CONTENT) - 1} of {len(CONTENT)} bytes",
    "longer": f"offers {len(CONTENT) + 1} bytes of application/octet-stream, not the {len(CONTENT)} bytes",
    "endless": "sends more than",
    "escapes": r"answers 404 \\x1b\[31mred\\x07",
    "html": "offers 26 bytes of text/html",
    "other": "a different file",
    "loop": "redirects without end",
    "away": "InvalidSchema|No connection adapters",
    "garbage": "Connection aborted",
    "stall": "timed out|no answer",
    "stall/100": "timed out|no answer",
}


@pytest.mark.parametrize("path", BAD)
@pytest.mark.parametrize("before", [None, OTHER])
def test_bad_downloads_leave_the_cache_alone(server, cache, path, before, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    if before:
        put(cache / "model.bin", before)
    state = files(tmp_path)
    begun = time.perf_counter()
    with pytest.raises(DownloadError, match=BAD[path]) as caught:
        fetch_official(known=at(server, path), timeout=0.3)
    assert str(caught.value).splitlines()[1] == "There are three ways to get a model:"
    assert str(caught.value).replace("\n", "").isprintable()
    with pytest.raises(ModelNotFoundError, match=BAD[path]) as caught:
        resolve_model(known=at(server, path), timeout=0.3)
    assert len(printable_lines(caught.value)) == 8
    assert time.perf_counter() - begun < 5
    assert files(tmp_path) == state
    if before:
        assert (cache / "model.bin").read_bytes() == before

    assert resolve_model(known=at(server, "good")).data == CONTENT
    assert (cache / "model.bin").read_bytes() == CONTENT
    assert files(tmp_path) == ["model.bin"]


def test_no_server_at_all(server):
    known = at(server, "good")
    gone = known._replace(url="http://127.0.0.1:1/model")
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1"):
        fetch_official(known=gone, timeout=1)
    for url in ("nonsense", "http://", "ftp://127.0.0.1:1/x", "http://[::1", "file:///etc/passwd", None):
        with pytest.raises(DownloadError):
            fetch_official(known=known._replace(url=url), timeout=1)


def test_a_mirror_serves_the_same_file_or_nothing(server, cache):
    base = f"http://127.0.0.1:{server.server_port}"
    known = at(server, "status/404")
    with pytest.raises(DownloadError, match="a different file"):
        fetch_official(f"{base}/other", known=known)
    assert fetch_official(f"{base}/good", known=known).origin == "download"
    assert fetch_official(f"{base}/good", known=known).origin == "cache"
    assert fetch_official(f"{base}/good", force=True, known=known).origin == "download"
    assert server.requests == ["/other", "/good", "/good"]
    with pytest.raises(DownloadError, match="404"):
        fetch_official(force=True, known=known)
    assert (cache / "model.bin").read_bytes() == CONTENT


def test_a_download_has_a_deadline(server, cache, monkeypatch):
    monkeypatch.setattr("yamjit.store.download.DEADLINE_SECONDS", 0.03)
    with pytest.raises(DownloadError, match=r"did not send all \d+ bytes within 0\.03 s"):
        fetch_official(known=at(server, "slow"))
    assert not cache.exists()


def test_progress_is_reported(server):
    calls = []
    resolve_model(known=at(server, "good"), progress=lambda *call: calls.append(call))
    assert calls[-1] == (len(CONTENT), len(CONTENT))
    assert calls == sorted(calls)


def test_progress_may_be_shown_on_standard_error(server, capfd):
    fetch_official(known=at(server, "good"), progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.endswith("\rfetching the model: 100 %\n")
    assert len(err.split("\r")) <= 101


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
def test_an_interruption_leaves_nothing(server, cache, error):
    def interrupt(done, total):
        if done > total // 2:
            raise error

    with pytest.raises(type(error)):
        fetch_official(known=at(server, "good"), progress=interrupt)
    assert not cache.exists()
    assert fetch_official(known=at(server, "good")).data == CONTENT


# --- without a network


def test_offline(server, cache, monkeypatch):
    known = at(server, "good")
    with pytest.raises(ModelNotFoundError, match="downloads are switched off"):
        resolve_model(known=known, download=False)
    for value in ("1", "true", "yes"):
        monkeypatch.setenv("YAMJIT_OFFLINE", value)
        with pytest.raises(ModelNotFoundError, match=r"\$YAMJIT_OFFLINE is set"):
            resolve_model(known=known)
        with pytest.raises(DownloadError, match=r"\$YAMJIT_OFFLINE is set"):
            fetch_official(known=known)
    assert not server.requests
    put(cache / "model.bin")
    assert resolve_model(known=known).origin == "cache"
    assert fetch_official(known=known).origin == "cache"
    assert resolve_model(known=known, download=False).origin == "cache"
    monkeypatch.setenv("YAMJIT_OFFLINE", "0")
    assert fetch_official(known=known, force=True).origin == "download"


def test_the_message_says_how_to_go_on(cache):
    with pytest.raises(ModelNotFoundError) as caught:
        resolve_model(download=False)
    message = str(caught.value)
    for part in ("yamjit fetch", "--model FILE", "load(FILE)", "--model starter", OFFICIAL_MODEL.sha256):
        assert part in message
    assert repr(str(cache / "yamnet.tflite")) in message
    assert len(printable_lines(caught.value)) == 8


def printable_lines(error):
    lines = str(error).split("\n")
    assert all(line.isprintable() for line in lines)
    return lines


# --- the cache


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], OTHER, CONTENT + b"x"])
def test_a_damaged_cache_is_not_used(server, cache, content):
    path = put(cache / "model.bin", content)
    with pytest.raises(ModelNotFoundError, match=r"cached file '.*model\.bin' is not used: it is damaged") as caught:
        resolve_model(known=KNOWN, download=False)
    assert hashlib.sha256(content).hexdigest() in str(caught.value)
    model = resolve_model(known=at(server, "good"))
    assert (model.origin, path.read_bytes()) == ("download", CONTENT)


def unwritable(cache, monkeypatch, kind):
    if kind == "a file":
        put(cache, b"")
    elif kind == "below a file":
        put(cache.parent, b"")
    elif kind == "occupied":
        (cache / "model.bin").mkdir(parents=True)
    else:
        code = {"read-only": errno.EROFS, "denied": errno.EACCES, "full": errno.ENOSPC}[kind]
        home, function = (os, "fsync") if kind == "full" else (Path, "mkdir")
        original = getattr(home, function)

        def fail(target, *args, **kwargs):
            if kind == "full" or str(target).startswith(str(cache.parent)):
                raise OSError(code, os.strerror(code))
            return original(target, *args, **kwargs)

        monkeypatch.setattr(home, function, fail)


@pytest.mark.parametrize("kind", ["a file", "below a file", "occupied", "read-only", "denied", "full"])
def test_a_cache_that_cannot_be_written_is_done_without(server, cache, monkeypatch, tmp_path, kind):
    known = at(server, "good")
    with monkeypatch.context() as patch:
        unwritable(cache, patch, kind)
        with pytest.warns(RuntimeWarning, match=r"cannot be stored as '.*model\.bin'") as caught:
            model = resolve_model(known=known)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert (model.data, model.origin, model.path) == (CONTENT, "download", None)
        with pytest.raises(DownloadError, match=r"cannot be stored .*\$YAMJIT_CACHE chooses"):
            fetch_official(known=known)
    assert not any(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())


def test_no_room_for_the_download_itself(server, cache, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nothing"))
    with pytest.raises(DownloadError, match="cannot be stored: No such file"):
        fetch_official(known=at(server, "good"))


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("YAMJIT_CACHE", "~/here")
    assert cache_path() == Path("~/here/yamnet.tflite").expanduser()
    monkeypatch.delenv("YAMJIT_CACHE")
    assert cache_path().is_absolute()
    assert "yamjit" in cache_path().parts
    monkeypatch.delenv("HOME", raising=False)
    assert cache_path().is_absolute()


def no_home(name):
    raise RuntimeError("could not determine the home directory")


@pytest.mark.parametrize("answer", [lambda name: f"~/.cache/{name}", no_home], ids=["as it was", "an error"])
def test_a_user_without_a_home_gets_a_temporary_cache(answer, monkeypatch):
    platformdirs = pytest.importorskip("platformdirs")
    monkeypatch.delenv("YAMJIT_CACHE")
    monkeypatch.setattr(platformdirs, "user_cache_dir", answer)
    assert cache_path() == Path(tempfile.gettempdir()) / "yamjit" / "yamnet.tflite"


def test_a_python_without_ssl_is_told(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "ssl", None)
    with pytest.raises(DownloadError, match="this Python has no ssl, which https needs"):
        fetch_official(known=KNOWN._replace(url="https://127.0.0.1:1/"))


def test_threads_fetch_once(server, cache):
    known = at(server, "slow")
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda _: resolve_model(known=known), range(8)))
    assert {model.data for model in models} == {CONTENT}
    assert server.requests == ["/slow"]


FETCH = """
import sys
from yamjit.spec import KnownModel
from yamjit.store import resolve_model
name, file_name, size, sha256, url = sys.argv[1:]
input()
print(resolve_model(known=KnownModel(name, file_name, int(size), sha256, url)).verified)
"""


def test_processes_may_fetch_at_once(server, cache):
    command = [sys.executable, "-c", FETCH, *map(str, at(server, "slow"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60) for process in processes] == [("True\n", "")] * 3
    assert files(cache) == ["model.bin"]
    assert (cache / "model.bin").read_bytes() == CONTENT


# --- packages


@pytest.mark.parametrize("package", ["pooch", "platformdirs"])
def test_missing_packages_are_named(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    if package == "platformdirs":
        monkeypatch.delenv("YAMJIT_CACHE")
    with pytest.raises(DependencyError, match=f"pip install {package}"):
        fetch_official(known=KNOWN._replace(url="http://127.0.0.1:1/"))
    assert resolve_model(CONTENT).data == CONTENT


def test_nothing_heavy_is_imported_for_a_given_model():
    code = (
        "import sys; from yamjit.store import resolve_model; resolve_model(b'x')\n"
        "print({'pooch', 'requests', 'platformdirs', 'numpy', 'flatbuffers', 'tqdm'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"


def test_pooch_keeps_its_own_log_level(server):
    import pooch

    level = pooch.get_logger().level
    resolve_model(known=at(server, "good"))
    assert pooch.get_logger().level == level


def test_a_download_raises_no_warning(server):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_model(known=at(server, "good")).verified
