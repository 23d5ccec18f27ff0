"""`/tokenize` as vLLM, llama.cpp and TGI have it, over a real tokenizer, in a process of its own.

Run: `python tokenizing_server.py TOKENIZER_JSON`; the first line of its output is the port, and it ends when its input
does. The model's name in the request says how to behave: `vllm`, `llamacpp`, `tgi` or a way to be wrong.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

BEGIN, END = 1_000_001, 1_000_002


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tokenizer: Tokenizer

    def do_POST(self) -> None:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        kind = body["model"]
        status, answer = 200, self.answer(kind, body)
        if self.path != "/tokenize" or kind == "without":
            status, answer = 404, json.dumps({"detail": "Not Found"})
        raw = answer.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def answer(self, kind: str, body: dict[str, Any]) -> str:
        if kind == "vllm":
            ids = self.ids(body["prompt"])
            if body.get("add_special_tokens", True):
                ids = [BEGIN, *ids]
            return json.dumps({"count": len(ids), "max_model_len": 4096, "tokens": ids, "token_strs": None})
        if kind == "llamacpp":
            assert body["parse_special"]
            return json.dumps({"tokens": [*([BEGIN] if body.get("add_special") else []), *self.ids(body["content"])]})
        if kind == "tgi":
            ids = [BEGIN, *self.ids(body["inputs"]), END]
            return json.dumps([{"id": token, "text": "?", "start": 0, "stop": 1} for token in ids])
        wrong = {"numbers": 7, "texts": {"tokens": ["a"]}, "negative": {"tokens": [-1]}, "same": {"tokens": [5, 5]}}
        return "{" if kind == "broken" else json.dumps(wrong.get(kind))

    def ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Not to the test's output."""


@contextmanager
def tokenizing_server(tokenizer: Path) -> Generator[str]:
    """Its address."""
    command = (sys.executable, "-P", __file__, str(tokenizer))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdin
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(10)


if __name__ == "__main__":
    Handler.tokenizer = Tokenizer.from_file(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
