"""A generator that replays a script: to show Assay without a model, and to test what is built on one.

A script is TOML or JSON, documented in docs/repair.md:

    model = "demo"

    [[answer]]
    when = ["test_total", "AssertionError"]   # all of these stand in the prompt
    unless = ["your last edit"]               # and none of these
    text = '''...'''

The first answer that fits is given. `uses` limits how often, `pieces` is how many characters come at once,
`delay` is seconds before each piece, and `error` fails with that message instead, after the text if there is any.
"""

from __future__ import annotations

import asyncio
import json
import time
import tomllib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cattrs

from inference.errors import BackendUnavailable
from inference.ports import CompletionRequest, Finished, GenerateRequest, OnFinish

_MAX_SCRIPT = 8 << 20  # bytes
_CHARACTERS_PER_TOKEN = 4  # a common estimate for code, where there is no tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedAnswer:
    text: str = ""
    when: tuple[str, ...] = ()
    """Texts that must all stand in the prompt."""
    unless: tuple[str, ...] = ()
    """Texts of which none may stand in the prompt."""
    uses: int | None = None
    """How often it is given; None is without end."""
    pieces: int = 24
    """Characters that come at once."""
    delay: float = 0.0
    """Seconds before each piece."""
    error: str = ""
    """Fail with this message when the text has been given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Script:
    model: str = "script"
    answer: tuple[ScriptedAnswer, ...] = ()


class ScriptedGenerator:
    """See the module. `open_streams` counts answers that are being given now."""

    def __init__(self, script: Path | Sequence[ScriptedAnswer]) -> None:
        """:raises BackendUnavailable: when the script cannot be read, or has another form."""
        read = _read(script) if isinstance(script, Path) else _Script(answer=tuple(script))
        self._answers = read.answer
        self._uses = [answer.uses for answer in read.answer]
        self._name = f"scripted:{read.model}"
        self.open_streams = 0

    @property
    def model(self) -> str:
        return self._name

    async def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        """:raises BackendUnavailable: when no answer fits, the script says so, or the deadline has passed."""
        prompt = "\n".join(message.content for message in request.messages)
        async with aclosing(self._answer(prompt, request, on_finish)) as pieces:
            async for piece in pieces:
                yield piece

    async def complete(
        self, request: CompletionRequest, *, on_finish: OnFinish | None = None
    ) -> AsyncGenerator[str, None]:
        """Raises as `stream`."""
        async with aclosing(self._answer(request.prompt + request.suffix, request, on_finish)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """Nothing is open."""

    async def _answer(
        self, prompt: str, request: GenerateRequest | CompletionRequest, on_finish: OnFinish | None
    ) -> AsyncGenerator[str, None]:
        deadline = time.monotonic() + request.seconds
        answer = self._choose(prompt)
        text = _limited(answer.text, request)
        self.open_streams += 1
        try:
            for at in range(0, len(text), max(1, answer.pieces)):
                left = deadline - time.monotonic()
                await asyncio.sleep(max(0.0, min(answer.delay, left)))
                if answer.delay > left or left <= 0:
                    raise BackendUnavailable(f"{self._name} did not answer within {request.seconds:g} s.")
                yield text[at : at + max(1, answer.pieces)]
            if answer.error:
                raise BackendUnavailable(answer.error)
            if on_finish:
                on_finish(Finished(reason="stop" if text == answer.text else "length"))
        finally:
            self.open_streams -= 1

    def _choose(self, prompt: str) -> ScriptedAnswer:
        for place, answer in enumerate(self._answers):
            left = self._uses[place]
            if left == 0 or not all(text in prompt for text in answer.when):
                continue
            if any(text in prompt for text in answer.unless):
                continue
            self._uses[place] = None if left is None else left - 1
            return answer
        raise BackendUnavailable(f"{self._name} has no answer to this prompt; add one to the script.")


def _limited(text: str, request: GenerateRequest | CompletionRequest) -> str:
    ends = [at for stop in request.stop if stop and (at := text.find(stop)) >= 0]
    return text[: min([*ends, request.max_tokens * _CHARACTERS_PER_TOKEN])]


def _read(path: Path) -> _Script:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_SCRIPT + 1)
        if len(content) > _MAX_SCRIPT:
            raise ValueError("it is larger than 8 MB")
        data: Any = json.loads(content) if path.suffix == ".json" else tomllib.loads(content.decode())
        return _structured(data)
    except OSError as error:
        raise BackendUnavailable(f"The script {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise BackendUnavailable(f"The script {path} cannot be used: {error}.") from error


def _structured(data: object) -> _Script:
    """:raises ValueError: naming the key that is wrong."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    try:
        script = converter.structure(data, _Script)
    except Exception as error:
        raise ValueError("; ".join(cattrs.transform_error(error))) from error
    wrong = [answer for answer in cast("Sequence[ScriptedAnswer]", script.answer) if answer.delay < 0]
    if wrong:
        raise ValueError("delay must not be negative")
    return script
