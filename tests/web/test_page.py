"""The page that is exported: its files, what it saves, and its host."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import yamjit
from tests.support.javascript import Node
from tests.support.two_heads import two_heads
from yamjit.cli import main
from yamjit.deploy import export_page
from yamjit.deploy.local_host import LocalHost
from yamjit.errors import InputError
from yamjit.output import FORMATS
from yamjit.results import Row
from yamjit.tflite import write_graph

PAGE = Path(yamjit.__file__).parent / "deploy" / "page"


@pytest.fixture(scope="module")
def page(modules: Path, starter: yamjit.Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter's page."""
    folder = tmp_path_factory.mktemp("page") / "starter"
    export_page(starter, folder, name="Sounds <of> \"mine\" & 'yours'", libraries=modules)
    return folder


# -- Files ------------------------------------------------------------------------------------------------------


def test_the_page_is_whole_and_says_what_it_is(page: Path, starter: yamjit.Classifier) -> None:
    manifest = json.loads((page / "manifest.webmanifest").read_text(encoding="utf-8"))
    assert manifest["short_name"] == "Sounds <of> \"mine\" & 'yours'"
    assert "<title>Sounds &lt;of&gt; &quot;mine&quot; &amp;" in (page / "index.html").read_text(encoding="utf-8")
    facts = json.loads((page / "page.json").read_text())
    assert facts == {"bandHz": starter.band_hz.tolist(), "frameHop": 0.01}
    assert np.all(np.diff(facts["bandHz"]) > 0)
    assert not re.findall(rb"@[A-Z]+@", b"".join(path.read_bytes() for path in page.glob("*.*")))


def test_all_files_are_kept_for_when_there_is_no_network(page: Path) -> None:
    worker = (page / "service-worker.js").read_text()
    kept = json.loads(re.search(r"const FILES = (\{.*?\});", worker, re.DOTALL)[1])  # type: ignore[index]
    there = {path.relative_to(page).as_posix(): path.read_bytes() for path in page.rglob("*") if path.is_file()}
    assert set(kept) == set(there) - {"service-worker.js"}
    for name, integrity in kept.items():
        assert integrity == "sha256-" + base64.b64encode(hashlib.sha256(there[name]).digest()).decode()


def test_it_is_another_version_if_anything_is_another(page: Path, modules: Path, tmp_path: Path) -> None:
    version = rb'name="version" content="(\w+)"'
    (before,) = re.findall(version, (page / "index.html").read_bytes())
    export_page(yamjit.load("starter"), tmp_path / "again", name="Other", libraries=modules)
    (after,) = re.findall(version, (tmp_path / "again" / "index.html").read_bytes())
    assert before != after


def test_nothing_is_named_that_lies_elsewhere_or_is_missing() -> None:
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    scripts = {path.name: path.read_text(encoding="utf-8") for path in PAGE.glob("*.js")}
    for name, text in {**scripts, "index.html": html, "page.css": (PAGE / "page.css").read_text()}.items():
        assert not re.findall(r"(?:https?:)?//[\w.]+\.\w+", text), name
    imported = {target for text in scripts.values() for target in re.findall(r'from "\./([^"]+)"', text)}
    assert imported <= {*scripts, "yamjit/yamjit.js"}
    assert set(re.findall(r'(?:src|href)="([^"]*)"', html)) <= {path.name for path in PAGE.iterdir()}
    wanted = set(re.findall(r'byId\("([\w-]+)"\)', scripts["app.js"]))
    assert wanted <= set(re.findall(r'id="([\w-]+)"', html))
    assert not re.findall(r" style=|<script>|<style", html)  # which its Content-Security-Policy forbids


# -- What is saved ----------------------------------------------------------------------------------------------

LABELS = ("Speech", 'A "quoted" one', '"Beep", bleep', "line\nbreak\ttab", "Übung \x85 ", "=1+1", "")

SAVE = """
const { csv, audacity, fixed } = await import(given.formats);
const heads = given.heads.map((name) => ({ name, audiosetIds: given.ids }));
answer({
  csv: csv(given.file, given.events, heads),
  audacity: audacity(given.events, heads),
  fixed: given.numbers.map((value) => [2, 6].map((digits) => fixed(value, digits))),
});
"""


@pytest.mark.parametrize("heads", [["scores"], ["scores", "birds, own"]])
def test_events_are_saved_as_by_the_command_line(node: Node, heads: list[str]) -> None:
    rng = np.random.default_rng(0)
    numbers = [*(np.arange(257) / 256), *(np.arange(64) / 128 * 10), *rng.random(500), 0.005, 1.005, 2.675]
    ids = ["/m/09x0r"] * len(LABELS)
    events = [
        {
            "label": label,
            "classIndex": index,
            "head": heads[index % len(heads)] if len(heads) > 1 else "",
            "score": index / 8 + 1 / 128,
            "start": 0.48 * index,
            "end": 0.48 * index + 0.975,
        }
        for index, label in enumerate(LABELS)
    ]
    given = {"formats": (PAGE / "formats.js").as_uri(), "heads": heads, "ids": ids, "events": events}
    found = node(SAVE, {**given, "file": 'a, "b".wav', "numbers": numbers})
    assert found["fixed"] == [[f"{value:.2f}", f"{value:.6f}"] for value in numbers]
    for form in ("csv", "audacity"):
        stream = io.StringIO(newline="")
        with FORMATS[form].of_heads(heads).open(stream) as writer:
            writer.begin('a, "b".wav')
            writer.rows([_row(event, heads) for event in events])
        assert found[form] == stream.getvalue()


def _row(event: dict[str, object], heads: list[str]) -> Row:
    known = {"file": 'a, "b".wav', "start_s": event["start"], "end_s": event["end"], "audioset_id": "/m/09x0r"}
    named = {key: event[key] for key in ("label", "score")}
    return Row(**known, **named, class_index=event["classIndex"], head=event["head"] or heads[0])  # type: ignore[arg-type]


def test_names_are_in_the_language_of_the_reader(node: Node) -> None:
    found = node(
        """
        const { Names, bestLanguage, languageName, languagesOf } = await import(given);
        const heads = [
          { name: "a", labels: ["Dog", "Cat"], translations: { de: ["Hund", ""], "pt-BR": ["Cachorro", "Gato"] } },
          { name: "b", labels: ["Dog"], translations: {} },
        ];
        const languages = languagesOf(heads);
        const best = (...wanted) => bestLanguage(languages, wanted);
        const names = new Names(heads, "de");
        const wanted = (text) => {
          names.filter(text);
          return names.classes.filter((one) => names.isWanted(one)).map(({ shown }) => shown);
        };
        answer({
          languages,
          best: [best("de-AT", "fr"), best("fr", "pt"), best("en-GB", "de"), best("fr"), best()],
          named: languages.map(languageName),
          wanted: [wanted(""), wanted("hund"), wanted(" DOG , x"), wanted("cat"), wanted("owl")],
          one: names.of({ head: "b", classIndex: 0 }).shown,
        });
        """,
        (PAGE / "names.js").as_uri(),
    )
    assert found["languages"] == ["", "de", "pt-BR"]
    assert found["best"] == ["de", "pt-BR", "", "", ""]
    assert found["named"][:2] == ["English", "Deutsch"]
    assert found["wanted"] == [
        ["Hund · a", "Cat · a", "Dog · b"],
        ["Hund · a"],
        ["Hund · a", "Dog · b"],
        ["Cat · a"],
        [],
    ]
    assert found["one"] == "Dog · b"


# -- Its host ---------------------------------------------------------------------------------------------------


@pytest.fixture
def host() -> Iterator[LocalHost]:
    """A host of some files."""
    files = {"index.html": b"home", "a/b.wasm": b"\0asm", "model.plan": b"plan", "x y.js": b"1"}
    with LocalHost(files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(host: LocalHost, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", host.server_port, timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content, response


def test_files_have_their_types_and_tags(host: LocalHost) -> None:
    for path, content, kind in [
        ("/", b"home", "text/html; charset=utf-8"),
        ("/index.html?x=1", b"home", "text/html; charset=utf-8"),
        ("/a/b.wasm", b"\0asm", "application/wasm"),
        ("/model.plan", b"plan", "application/octet-stream"),
        ("/x%20y.js", b"1", "text/javascript; charset=utf-8"),
    ]:
        status, found, response = ask(host, path)
        assert (status, found, response.getheader("Content-Type")) == (200, content, kind)
        assert response.getheader("X-Content-Type-Options") == "nosniff"
        tag = response.getheader("ETag")
        assert tag is not None
        assert ask(host, path, **{"If-None-Match": tag})[:2] == (304, b"")
        head = ask(host, path, "HEAD")
        assert (head[1], head[2].getheader("Content-Length")) == (b"", str(len(content)))


@pytest.mark.parametrize("path", ["/a", "/a/", "/../index.html", "/..%2findex.html", "/.", "/a/../model.plan"])
def test_only_files_are_answered(host: LocalHost, path: str) -> None:
    assert ask(host, path)[:2] == (404, b"no such file")


@pytest.mark.parametrize("name", ["evil.example", "evil.example:PORT", "127.0.0.1", "localhost:1", ""])
def test_other_names_of_this_machine_are_refused(host: LocalHost, name: str) -> None:
    """As after a change of an address by which a stranger's page would reach this one."""
    assert ask(host, "/", Host=name.replace("PORT", str(host.server_port)))[0] == 421
    assert ask(host, "/", Host=f"localhost:{host.server_port}")[0] == 200


def test_a_port_that_is_taken(host: LocalHost) -> None:
    with pytest.raises(InputError, match=rf"port {host.server_port} of 127.0.0.1: .*; --port names another one"):
        LocalHost({}, host.server_port)


# -- Commands ---------------------------------------------------------------------------------------------------


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_a_head_and_a_model_with_two_are_exported(
    modules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "two.tflite"
    model.write_bytes(write_graph(two_heads(classes=20)))
    assert run("export", model, "--web", tmp_path / "out", "--libraries", modules, "--name", "Home") == 0
    assert f"{tmp_path / 'out' / 'index.html'}: " in capsys.readouterr().out
    assert b"<title>Home: sounds, named</title>" in (tmp_path / "out" / "index.html").read_bytes()
    assert len(list((tmp_path / "out").rglob("*.wasm"))) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "starter", "--web", "out", "--deploy", "other"), "--web FOLDER is by itself"),
        (("export", "starter", "--web", "out", "--target", "wasm"), "--web FOLDER is by itself"),
        (("export", "starter", "--web", "out", "-o", "x.tflite"), "--web FOLDER is by itself"),
        (("export", "starter", "--web", "out.html"), "out.html"),
        (("export", "starter", "--libraries", "x"), "--libraries of that and of --web FOLDER"),
        (("web", "no-such-model.tflite", "--no-browser"), "no-such-model.tflite"),
        (("web", "pages", "--no-browser", "--roles", "scores"), "'pages' is a page already"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.html").write_bytes(b"")
    assert run(*arguments) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
