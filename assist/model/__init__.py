"""Model-backed proposer: a prompt from what the tests showed, an answer read as an edit, the failure fed back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from assist.model.context import Context, gather
from assist.model.parse import MAX_ANSWER, read_edit
from assist.observation import Observation
from assist.ports import Attempt, Progress
from assist.task import Candidate, Task
from inference.errors import BadOutput, InferenceError
from inference.ports import GenerateRequest, Generator, Message
from inference.prompts.files import BadPrompt, part
from workspace.edit import Edit
from workspace.project import Project

_ANSWERS = 3  # for one edit: a model that cannot keep to the form after two reminders will not learn it
_SECONDS = 60.0
_MAX_TOKENS = 4096
_SHOWN_AGAIN = 4000  # characters of an answer that could not be used


class ModelProposer:
    """Offers one edit for each call, so that the next prompt can carry what came of the last."""

    def __init__(self, generator: Generator, project: Project, prompts: Path | None = None) -> None:
        """:param prompts: a folder of a person's own, see `inference.prompts.files`."""
        self._generator = generator
        self._project = project
        self._prompts = prompts
        self._offered = 0

    @property
    def name(self) -> str:
        return f"model:{self._generator.model}"

    @property
    def tried(self) -> int:
        return self._offered

    async def propose(
        self, task: Task, observation: Observation, failed: Sequence[Attempt], progress: Progress
    ) -> AsyncGenerator[Candidate, None]:
        own = [attempt for attempt in failed if attempt.candidate.origin == self.name]
        try:
            context = gather(task, observation, own or failed, self._project, self._prompts)
        except BadPrompt as error:
            progress(f"no model is asked: {error}")
            return
        progress(f"asking {self._generator.model}" + (" again, with what went wrong" if failed else ""))
        edit = await self._ask(context, progress)
        if edit is not None:
            self._offered += 1
            yield Candidate(edit=edit, origin=self.name, context=context.shown)

    async def _ask(self, context: Context, progress: Progress) -> Edit | None:
        messages = list(context.messages)
        for _ in range(_ANSWERS):
            request = GenerateRequest(messages=tuple(messages), max_tokens=_MAX_TOKENS, seconds=_SECONDS)
            answer = ""
            try:
                answer = await self._answer(request)
                return read_edit(answer, self._project, context.paths)
            except BadOutput as error:
                progress(f"an answer of {self._generator.model} could not be used: {error}")
                messages = [
                    *context.messages,
                    Message(role="assistant", content=answer[:_SHOWN_AGAIN]),
                    Message(role="user", content=part("refused", folder=self._prompts, reason=str(error))),
                ]
            except InferenceError as error:
                progress(str(error))
                return None
        return None

    async def _answer(self, request: GenerateRequest) -> str:
        pieces: list[str] = []
        size = 0
        async with aclosing(self._generator.stream(request)) as stream:
            async for piece in stream:
                pieces.append(piece)
                size += len(piece)
                if size > MAX_ANSWER:
                    break
        return "".join(pieces)
