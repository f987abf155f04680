"""The page that says what a service answers, and how it is asked."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yamjit.serve.words import Verb

__all__ = ["page"]

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>yamjit</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.6rem; }} h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
code, pre {{ font: 14px/1.5 ui-monospace, monospace; }}
pre {{ overflow-x: auto; padding: 0.75rem; border: 1px solid #8886; border-radius: 6px; }}
td {{ padding: 0.15rem 1rem 0.15rem 0; vertical-align: top; }}
</style>
</head>
<body>
<h1>yamjit names the sounds in recordings</h1>
<p>This is a service for programs. A recording is the body of a request:</p>
<pre>curl --data-binary @siren.flac ORIGIN/v1/classify
curl -F file=@siren.flac "ORIGIN/v1/events?on=0.3&amp;format=csv"</pre>
<h2>What it answers</h2>
<table>
{rows}
</table>
<h2>Words of a query</h2>
<p>They are the options of the command line, without the hyphens before them;
<a href="/v1/openapi.json">openapi.json</a> lists them with their meanings.</p>
<table>
{words}
</table>
</body>
</html>
"""

_OTHERS = (
    ("POST", "/hf", "audio classification for clients of Hugging Face"),
    ("GET", "/v1/model", "what the model is"),
    ("GET", "/v1/labels", "the classes of the model"),
    ("GET", "/v1/openapi.json", "all of this for programs"),
    ("GET", "/healthz", "whether the service lives"),
    ("GET", "/readyz", "whether it takes requests"),
    ("GET", "/metrics", "figures for Prometheus"),
)


def page(verbs: Sequence[Verb], listen: Verb) -> str:
    """Return the page."""
    rows = [*(("POST", verb.path, verb.text) for verb in verbs), ("WS", listen.path, listen.text), *_OTHERS]
    words = [(verb.path, " ".join(word.name for word in verb.words)) for verb in (*verbs, listen)]
    return _PAGE.format(rows="\n".join(map(_row, rows)), words="\n".join(map(_row, words)))


def _row(cells: Sequence[str]) -> str:
    first, *others = (html.escape(cell) for cell in cells)
    return f"<tr><td><code>{first}</code></td>{''.join(f'<td>{cell}</td>' for cell in others)}</tr>"
