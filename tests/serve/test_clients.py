"""Clients that others wrote, and documents for them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

import yamjit
from tests.support.service import Server, problem
from yamjit.cli import main
from yamjit.deploy.kit import platforms_of, read_kit
from yamjit.deploy.site import page_files
from yamjit.errors import DependencyError

SIREN = Path(__file__).resolve().parents[2] / "examples" / "siren.flac"


def test_the_hub_s_contract(server: Server) -> None:
    (whole,) = json.loads(server.post("/v1/classify?top=7", SIREN.read_bytes()).body)
    expected = [(one["label"], one["score"]) for one in whole["top"]]

    def asked(body: bytes, kind: str) -> list[tuple[str, float]]:
        answer = server.post("/hf", body, kind)
        assert (answer.status, answer.kind) == (200, "application/json")
        return [(one["label"], one["score"]) for one in json.loads(answer.body)]

    def in_json(**parameters: object) -> bytes:
        inputs = base64.b64encode(SIREN.read_bytes()).decode()
        return json.dumps({"inputs": inputs, "parameters": parameters}).encode()

    assert asked(SIREN.read_bytes(), "audio/flac") == expected[:5]
    assert asked(in_json(top_k=7), "application/json") == expected
    sigmoid = asked(in_json(top_k=3, function_to_apply="sigmoid"), "application/json")
    assert [label for label, _ in sigmoid] == [label for label, _ in expected[:3]]
    assert [score for _, score in sigmoid] == pytest.approx([score for _, score in expected[:3]], abs=0.01)
    softmax = asked(in_json(top_k=1000, function_to_apply="softmax"), "application/json")
    assert sum(score for _, score in softmax) == pytest.approx(1, abs=1e-3)
    assert asked(in_json(function_to_apply="none"), "application/json")[0][0] == "Siren"
    for body, told in (
        (in_json(top_k=0), "top_k"),
        (in_json(function_to_apply="relu"), "function_to_apply"),
        (in_json(candidates=[]), "candidates"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "object"),
        (b'{"inputs": "?"}', "base64"),
        (b'{"inputs": "bm8gc291bmQ="}', "not audio"),
    ):
        answer = server.post("/hf", body, "application/json")
        assert (answer.status, told in problem(answer)) == (400, True), problem(answer)


def test_the_hub_s_client(server: Server, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed (the extra readers)")
    client = hub.InferenceClient(model=f"{server.url}/hf")
    for more in ({}, {"top_k": 5}, {"top_k": 5, "function_to_apply": "sigmoid"}):
        found = client.audio_classification(str(SIREN), **more)
        assert (found[0].label, len(found)) == ("Siren", 5)


def test_prometheus_reads_the_figures(server: Server) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="the extra serve is not installed")
    server.post("/v1/classify", SIREN.read_bytes())
    server.ask("GET", "/a/path/of/its/own")
    text = server.ask("GET", "/metrics").body.decode()
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    counts = {(one.labels["path"], one.labels["code"]): one.value for one in families["yamjit_requests"].samples}
    assert counts["/v1/classify", "200"] >= 1
    assert counts["other", "404"] >= 1
    assert families["yamjit_windows"].samples[0].value >= 6
    assert families["yamjit_heard_seconds"].samples[0].value >= 3
    times = [one for one in families["yamjit_request_seconds"].samples if one.labels["path"] == "/v1/classify"]
    buckets = [one.value for one in times if one.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == next(one.value for one in times if one.name.endswith("_count"))


def test_model_and_labels_are_those_of_the_command_line(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    for path, command in (("/v1/model", ["info", "starter"]), ("/v1/labels", ["labels", "--model", "starter"])):
        assert main([*command, "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        if path == "/v1/model":
            del printed["path"], printed["facts"]
        assert json.loads(server.ask("GET", path).body) == printed


def test_the_description_of_the_service(server: Server) -> None:
    described = json.loads(server.ask("GET", "/v1/openapi.json").body)
    assert described["openapi"].startswith("3.1")
    for path, methods in described["paths"].items():
        for method in methods:
            body = SIREN.read_bytes() if method == "post" else None
            assert server.ask(method.upper(), path, body).status in (200, 426), path
    words = {word["name"] for word in described["paths"]["/v1/events"]["post"]["parameters"]}
    assert {"on", "min-duration", "hop", "allow", "format"} <= words
    assert not words & {"groups", "model", "jobs", "output", "threads", "resume"}
    listed = {word["name"] for word in described["paths"]["/v1/listen"]["get"]["parameters"]}
    assert {"raw", "rate", "channels", "events"} <= listed
    assert "device" not in listed
    validator = pytest.importorskip(
        "openapi_spec_validator", reason="openapi-spec-validator is not installed (the extra readers)"
    )
    validator.validate(described)


def test_the_live_page(server: Server) -> None:
    """Files of the page that runs the model; where there are no modules for it, the root is the plain one."""
    expected = page_files(yamjit.load("starter")) if modules_are_there() else {}
    for name, content in expected.items():
        assert server.ask("GET", f"/{name}").body == content
    assert server.ask("GET", "/").body == expected.get("index.html", server.ask("GET", "/v1").body)
    assert server.ask("GET", "/model.tflite").status == 404


def modules_are_there() -> bool:
    try:
        return "wasm" in platforms_of(read_kit(None))
    except DependencyError:
        return False


def test_the_plain_page(server: Server) -> None:
    answer = server.ask("GET", "/v1")
    assert answer.kind == "text/html"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for path in ("/v1/classify", "/v1/events", "/v1/embed", "/v1/listen", "/hf", "/metrics"):
        assert path.encode() in answer.body


def test_wrong_paths_and_methods(server: Server) -> None:
    assert "openapi" in problem(server.ask("GET", "/v2"))
    answer = server.ask("DELETE", "/v1/classify")
    assert (answer.status, answer.headers["allow"], problem(answer)) == (
        405,
        "POST",
        "DELETE is not accepted here, but POST",
    )
