"""What a suggestion costs beside the model: from the request to the model's first byte, to the answer, and typed along.

`python -P -m benchmarks.completion [WORKSPACE]` measures it in a workspace of your own, else in generated files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import heading, write
from benchmarks.retrieval_corpus import small_files
from benchmarks.server import Client
from benchmarks.stub_model import TEXT

_ASSAY = (str(Path(sys.executable).with_name("assay")), "lsp", "--debug")
_STUB = Path(__file__).with_name("stub_model.py")
_INVOKED, _AUTOMATIC = 1, 2
_HEAD = "".join(f"def function_{number}(value):\n    return value + {number}\n\n\n" for number in range(100))
"""Of the document that is typed in: 400 lines, 5 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionCosts:
    """Seconds for each request; bytes of memory of the server alone, without the index host."""

    to_model: tuple[float, ...]
    """From the request to the first byte at the model's server."""
    to_answer: tuple[float, ...]
    along: tuple[float, ...]
    """To the answer of a request for what was typed along."""
    chunks: int
    """In the index; 0 without one."""
    resident_before: int
    resident_after: int
    edits: int
    """Between the two."""


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def measure(workspace: Path, *, requests: int = 500, edits: int = 20_000, embedder: str = "local") -> CompletionCosts:
    """One server with a stub model of zero delay in a workspace.

    :param embedder: as in the settings; `none` indexes words alone, `off` nothing. What is searched is indexed first.
    """
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder, _model() as stub:
        port = int(_line(stub))
        config = Path(folder) / "config.toml"
        config.write_text(
            "[complete]\ncandidates = 1\nleast_wait_ms = 1\nmost_wait_ms = 1\n[cache]\nanswers = 'off'\n[models.stub]\n"
            f"url = 'http://127.0.0.1:{port}/v1'\nmodel = 'stub'\nfamily = 'qwen-coder'\nroles = ['complete']\n"
        )
        env = {
            **os.environ,
            "ASSAY_CONFIG": str(config),
            "ASSAY_STATE": folder,
            "ASSAY_CACHE": folder,
            "ASSAY_INDEX_ENABLED": "off" if embedder == "off" else "on",
            "ASSAY_INDEX_EMBEDDER": "none" if embedder == "off" else embedder,
        }
        client = Client(_ASSAY, env)
        try:
            return _measured(client, stub, workspace, requests, edits, embedder)
        finally:
            client.stop()


def _measured(
    client: Client, stub: subprocess.Popen[bytes], workspace: Path, requests: int, edits: int, embedder: str
) -> CompletionCosts:
    folders = [{"uri": workspace.as_uri(), "name": "bench"}]
    client.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}, "workspaceFolders": folders})
    client.send({"method": "initialized", "params": {}})
    chunks = 0 if embedder == "off" else _settled(client, with_vectors=embedder != "none")
    typing = _Typing(client, (workspace / "typed_by_the_benchmark.py").as_uri())
    for _ in range(10):  # the first ones load what they need
        typing.line()
        typing.ask(_INVOKED)
        _line(stub)
    to_model: list[float] = []
    to_answer: list[float] = []
    for _ in range(requests):
        typing.line()
        began = time.monotonic()
        typing.ask(_INVOKED)
        to_answer.append(time.monotonic() - began)
        to_model.append(float(_line(stub)) - began)
    along = _along(typing, requests)
    before = typing.resident()
    for _ in range(edits):
        typing.key("x")
        if typing.column > 60:
            typing.line()
            typing.ask(_INVOKED)
            _line(stub)
    return CompletionCosts(
        to_model=tuple(to_model),
        to_answer=tuple(to_answer),
        along=tuple(along),
        chunks=chunks,
        resident_before=before,
        resident_after=typing.resident(),
        edits=edits,
    )


def _along(typing: _Typing, requests: int) -> list[float]:
    found: list[float] = []
    while len(found) < requests:
        typing.line()
        answer = typing.ask(_AUTOMATIC)
        assert answer["result"]["items"], answer
        for sign in TEXT[:-1]:
            typing.key(sign)
            began = time.monotonic()
            answer = typing.ask(_AUTOMATIC)
            found.append(time.monotonic() - began)
            assert answer["result"]["items"], answer
    return found


class _Typing:
    """Somebody who types at the end of a document."""

    def __init__(self, client: Client, uri: str) -> None:
        self._client = client
        self._uri = uri
        self._version = 1
        self._line = _HEAD.count("\n")
        self._number = 0
        self.column = 0
        item = {"uri": uri, "languageId": "python", "version": 1, "text": _HEAD}
        client.send({"method": "textDocument/didOpen", "params": {"textDocument": item}})

    def line(self) -> None:
        """The last line becomes another one, which nothing was suggested for."""
        self._number += 1
        text = f"name_{self._number} = "
        end = {"line": self._line, "character": self.column}
        self._change({"range": {"start": {"line": self._line, "character": 0}, "end": end}, "text": text})
        self.column = len(text)

    def key(self, sign: str) -> None:
        at = {"line": self._line, "character": self.column}
        self._change({"range": {"start": at, "end": at}, "text": sign})
        self.column += len(sign)

    def ask(self, kind: int) -> Any:
        return self._client.request(
            "textDocument/inlineCompletion",
            {
                "textDocument": {"uri": self._uri},
                "position": {"line": self._line, "character": self.column},
                "context": {"triggerKind": kind},
            },
        )

    def resident(self) -> int:
        return int(self._client.request("assay/debug/stats", {})["result"]["residentBytes"])

    def _change(self, change: dict[str, Any]) -> None:
        self._version += 1
        document = {"uri": self._uri, "version": self._version}
        params = {"textDocument": document, "contentChanges": [change]}
        self._client.send({"method": "textDocument/didChange", "params": params})


def _settled(client: Client, *, with_vectors: bool) -> int:
    """Wait until the index has everything, vectors too; how many chunks that is."""
    while True:
        answer = client.request("assay/search", {"query": "what is due after tax"})
        folders = client.told.get("assay/status", {}).get("index") or []
        if folders and all(
            each["phase"] == "ready" and 0 < each["chunks"] <= (each["embedded"] if with_vectors else each["chunks"])
            for each in folders
        ):
            return sum(each["chunks"] for each in folders)
        assert "result" in answer, answer
        time.sleep(0.5)


def _line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


@contextmanager
def _model() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-P", str(_STUB)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def report(costs: CompletionCosts) -> str:
    """The lines of a table: what, p50, p99, bound."""
    rows = [
        ("request to the model's first byte", costs.to_model, "p50 5, p99 20 ms"),
        ("request to the answer", costs.to_answer, "p50 5, p99 20 ms"),
        ("typed along, to the answer", costs.along, "p99 2 ms"),
    ]
    lines = ["| what | p50 ms | p99 ms | goal |", "|---|---|---|---|"]
    lines += [
        f"| {what}, {len(values)} requests | {_ms(values, 0.5)} | {_ms(values, 0.99)} | {goal} |"
        for what, values, goal in rows
    ]
    before, after = (value / (1 << 20) for value in (costs.resident_before, costs.resident_after))
    lines += ["", f"{costs.chunks:,} chunks in the index. After {costs.edits:,} edits the server has {after:.0f} MB; "
              f"before, {before:.0f} MB. The goal is 120 MB, and no growth."]  # fmt: skip
    return "\n".join(lines)


def _ms(values: Sequence[float], share: float) -> str:
    return f"{percentile(values, share) * 1e3:.2f}"


def main(arguments: Sequence[str]) -> None:
    if arguments:
        print(report(measure(Path(arguments[0]).resolve())))
        return
    written()


def written(files: int = 50_000) -> None:
    """The report, with a workspace of so many chunks."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        found = report(measure(small_files(Path(folder), files), embedder="none"))
    title = heading("What a suggestion costs beside the model", "python -P -m benchmarks.completion")
    print(write("completion", f"{title}\nAgainst a stub model of no delay; the index by words alone.\n\n{found}"))


if __name__ == "__main__":
    main(sys.argv[1:])
