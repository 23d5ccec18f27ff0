"""A desk with a conversation on it, and a model server that remembers what it was asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.server.desk import Desk, Start
from workspace.secrets import redact

INDEX = {"ASSAY_INDEX_ENABLED": "on", "ASSAY_INDEX_EMBEDDER": "none", "ASSAY_INDEX_HISTORY": "off"}


def served(address: str, name: str, kind: str = "say", **options: Any) -> dict[str, str]:
    """A model of the lying server by environment; requests carry the name."""
    return {
        "ASSAY_MODELS_M_URL": f"{address}/v1",
        "ASSAY_MODELS_M_MODEL": f"{kind}:{json.dumps(options)}" if options else kind,
        "ASSAY_MODELS_M_HEADERS": f"x-name={name}",
        "ASSAY_MODELS_M_ROLES": "chat",
        "ASSAY_CACHE_ANSWERS": "off",
    }


def scripted(folder: Path, *answers: dict[str, Any]) -> dict[str, str]:
    """A model that answers by what stands in the prompt."""
    file = folder / "script.json"
    file.write_text(json.dumps({"model": "test", "answer": answers}))
    return {
        "ASSAY_MODELS_M_BACKEND": "scripted",
        "ASSAY_MODELS_M_SCRIPT": str(file),
        "ASSAY_MODELS_M_ROLES": "chat",
        "ASSAY_CACHE_ANSWERS": "off",
    }


class Chat:
    def __init__(self, desk: Desk, conversation: str) -> None:
        self.desk = desk
        self.id = conversation
        self._turns = 0

    def start(self, message: str, **more: Any) -> tuple[int, str]:
        """Send a turn; the request's id, and the token of its pieces."""
        self._turns += 1
        token = f"{self.id}-{self._turns}"
        params = {"conversation": self.id, "message": message, "partialResultToken": token, **more}
        return self.desk.wire.start("assay/chat/turn", params), token

    async def say(self, message: str, **more: Any) -> dict[str, Any]:
        """The whole answer."""
        request, token = self.start(message, **more)
        answer = await self.desk.wire.response(request)
        assert "error" not in answer, answer
        streamed = "".join(each["text"] for each in self.pieces(token, "delta"))
        assert redact(streamed) == answer["result"]["text"], "what was streamed is what was answered"
        return answer["result"]

    def pieces(self, token: str, kind: str = "") -> list[dict[str, Any]]:
        values = [each["value"] for each in self.desk.wire.sent("$/progress") if each["token"] == token]
        return [value for value in values if not kind or value["kind"] == kind]

    async def history(self) -> dict[str, Any]:
        return await self.desk.wire.result("assay/chat/history", {"conversation": self.id})


async def open_chat(desk: Start, root: Path, editor: str = "code-server", **env: str) -> Chat:
    at = await desk(root, editor, **{**INDEX, **env})
    begun = await at.wire.result("assay/chat/create", {})
    assert begun["root"] == root.as_uri()
    return Chat(at, begun["conversation"])


def noted(answer: dict[str, Any]) -> str:
    return " ".join(answer["context"]["notes"])


def cited(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(each["number"], each["path"]) for each in answer["citations"]]
