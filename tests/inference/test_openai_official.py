"""The event stream as the official `openai` package reads it.

The table was recorded with `openai` 3.52.0 for Python talking to the server of these tests (`AsyncOpenAI(base_url=…,
max_retries=0)`, `chat.completions.create(stream=True, stream_options={"include_usage": True})`): the text, the reason
of the end and the counts that it gave for each stream. Where we differ on purpose, the case says how.
"""

from __future__ import annotations

import json
from collections.abc import Generator

import pytest

from inference.errors import BackendUnavailable, BrokenStream, InferenceError
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.generator import OpenAIGenerator
from inference.ports import Finished, GenerateRequest, Message, Usage
from tests.inference.lying_server import running


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    with running() as address:
        yield address


async def given(server: str, model: str) -> tuple[str, Finished | type[InferenceError] | None]:
    got, finished = "", list[Finished]()
    generator = OpenAIGenerator(OpenAIEndpoint(url=server, model=model))
    request = GenerateRequest(messages=(Message(role="user", content="hi"),), max_tokens=100, seconds=20)
    try:
        async for piece in generator.stream(request, on_finish=finished.append):
            got += piece
    except InferenceError as error:
        return got, type(error)
    finally:
        await generator.close()
    return got, finished[0]


def event(text: str | None, reason: str | None = None, **more: object) -> str:
    """A `ChatCompletionChunk`, with all the fields that its type names."""
    choice = {"index": 0, "delta": {"content": text, "role": "assistant"}, "finish_reason": reason, "logprobs": None}
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
    return f"data: {json.dumps(chunk)}\n\n"


COUNTS = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}
DONE = "data: [DONE]\n\n"

SAME: dict[str, tuple[list[str], str, Finished | type[InferenceError]]] = {
    "a whole answer": ([event("half"), event("half", "length"), DONE], "halfhalf", Finished(reason="length")),
    "counts in an event without choices": (
        [event("half", "stop", usage=None), event(None, choices=[], usage=COUNTS), DONE],
        "half",
        Finished(reason="stop", usage=Usage(prompt=5, completion=4)),
    ),
    "counts beside the end": (
        [event("half", "stop", usage=COUNTS), DONE],
        "half",
        Finished(reason="stop", usage=Usage(prompt=5, completion=4)),
    ),
    "no content": ([event(None), event("half"), event(None, "stop"), DONE], "half", Finished(reason="stop")),
    "carriage returns": ([event("half", "stop").replace("\n", "\r")], "half", Finished(reason="stop")),
    "data of two lines, no space": (
        [event("half", "stop").replace("data: {", "data:{\ndata:")],
        "half",
        Finished(reason="stop"),
    ),
    "comments": ([": waiting\n\n", event("half", "stop"), DONE], "half", Finished(reason="stop")),
    "nothing counts after [DONE]": ([event("half"), DONE, event("half")], "half", Finished(reason="other")),
    "an error after a piece": ([event("half"), 'data: {"error": {"message": "boom"}}\n\n'], "half", BackendUnavailable),
    "garbage after a piece": ([event("half"), "data: {oops\n\n"], "half", BrokenStream),
}


@pytest.mark.parametrize("name", SAME)
async def test_it_is_read_as_the_official_package_reads_it(server: str, name: str) -> None:
    chunks, text, end = SAME[name]
    assert await given(server, f"raw:{json.dumps({'chunks': chunks})}") == (text, end)


OTHERWISE: dict[str, tuple[list[str], str, Finished | type[InferenceError]]] = {
    "it takes an answer that breaks off for a whole one": ([event("half")], "half", BrokenStream),
    "it loses an event after a byte order mark, which the specification takes away": (
        ["\xef\xbb\xbf" + event("half", "stop")],
        "half",
        Finished(reason="stop"),
    ),
}


@pytest.mark.parametrize("name", OTHERWISE)
async def test_it_is_read_otherwise_because(server: str, name: str) -> None:
    chunks, text, end = OTHERWISE[name]
    assert await given(server, f"raw:{json.dumps({'chunks': chunks})}") == (text, end)
