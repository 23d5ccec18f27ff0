"""One turn: what is it about, what is searched, what is shown, and the answer as it comes, with its sources."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from assist.chat.ask import ask
from assist.chat.blocks import read_code
from assist.chat.chips import read_chips, without_chips
from assist.chat.classify import classify, read_topic
from assist.chat.context import Shown, best_first, show, steady
from assist.chat.conversation import Citation, ContextReceipt, Conversation, Reason, Topic, Turn, digest_of
from assist.chat.errors import Refused
from assist.chat.files import Files, as_data, clean
from assist.chat.found import commit_text, found_text, talk_text
from assist.chat.gather import Gatherer
from assist.chat.given import Given
from assist.chat.markdown import safe
from assist.chat.ports import Finder
from assist.chat.reformulate import MAX_QUERY, is_follow_up, read_query, with_conversation
from assist.chat.rules import MAX_RULES, Rules, rules_for
from assist.chat.slash import Command, commands_of, fill, split_command
from assist.chat.speech import Speech
from assist.chat.window import messages_of, slide, unsummarised
from inference.errors import InferenceError
from inference.ports import Finished, GenerateRequest, Generator, Message
from inference.prompts.files import part, prompt
from retrieval.context import BYTES_PER_TOKEN
from retrieval.history import read_log
from workspace.changes import Changes, staged_changes, working_changes
from workspace.secrets import redact

MAX_MESSAGE = 32_000
"""Characters of a message; more belongs into a file."""
_ASK_SECONDS = 4.0  # for a topic or a search query
_HISTORY, _RULES, _ANSWER = 0.15, 0.10, 0.20  # of the model's context; found code has its own setting
_MAX_SHARE = 0.5  # so that all of them, the instructions and the question fit
_MAX_TOKENS = 4096
_COMMITS = 8
_NO_SOURCE = "\n\n*This answer cites no source of the workspace.*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """The text so far names a source for the first time."""

    citation: Citation


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """What is being done, in a few words."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The end: the conversation with the turn that was just had as its last."""

    conversation: Conversation


Event = Delta | Cited | Working | Answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a turn may use."""

    generator: Generator | None = None
    no_model: str = "No model is set up for chat, so none was asked."
    """Why there is none, as a sentence."""
    finder: Finder | None = None
    files: Files | None = None
    """The workspace as it was when the message came; None where no folder is open."""
    files_now: Callable[[], Files] | None = None
    """The same as it is when called: what was cited may have changed meanwhile."""
    fix: Callable[[], Awaitable[str]] | None = None
    """Runs the fix of the function at the cursor and says how it ended; None where there is nothing to fix."""
    context_tokens: int = 8192
    """What the model takes, prompt and answer together."""
    context_share: float = 0.5
    """Of these, what sources may take."""
    seconds: float = 120.0
    """For the whole answer."""
    clock: Callable[[], float] = time.time


async def take_turn(
    conversation: Conversation, message: str, given: Given, means: Means
) -> AsyncGenerator[Event, None]:
    """What happens in a turn, and at its end `Answered`. Closing it cancels the work at the model.

    What goes wrong on the way is told in the receipt's notes; an answer always comes.

    :raises UnknownCommand: the message begins with / and a name that no command has.
    """
    turn = _Turn(conversation, message, given, means)
    async with aclosing(turn.run()) as events:
        async for event in events:
            yield event


@dataclass(slots=True)
class _Turn:
    conversation: Conversation
    message: str
    given: Given
    means: Means
    started: float = field(default_factory=time.monotonic)
    notes: list[str] = field(default_factory=list[str])
    receipt: ContextReceipt = field(default_factory=ContextReceipt)
    command: Command | None = None
    question: str = ""
    """In words, without the command and the chips' signs."""

    async def run(self) -> AsyncGenerator[Event, None]:
        files = self.means.files
        if len(self.message) > MAX_MESSAGE:
            self.notes.append(f"The message was cut to its first {MAX_MESSAGE:,} characters.")
        name, rest = split_command(self.message[:MAX_MESSAGE])
        commands = await asyncio.to_thread(commands_of, files)
        if name:
            self.command = commands.named(name)
        self.question = clean(without_chips(rest))
        if self.command is not None and self.command.name == "fix":
            async for event in self._fix():
                yield event
            return
        topic = await self._topic(rest)
        yield Working(message=_ABOUT[topic])
        changes = await self._changes(files)
        query, by = await self._query(topic)
        if query:
            yield Working(message=f"searching for {query}")
        gatherer = Gatherer(files, self.means.finder, self.given)
        await self._gather(gatherer, rest, topic, query, changes)
        self.notes += dict.fromkeys(gatherer.found.notes)
        read = [] if files is None else files.known()
        budget = int(self.means.context_tokens * min(self.means.context_share, _MAX_SHARE))
        order = best_first if self.means.generator is None or self._is("search") else steady
        shown = await asyncio.to_thread(show, gatherer.found.pieces, budget, read, order=order)
        self.receipt = ContextReceipt(
            topic=topic, query=query, query_by=by, budget=budget, tokens=shown.tokens, parts=shown.parts
        )
        if changes is not None and not changes.edit.changes:
            text = changes.problem or _NOTHING_CHANGED["commit" if self._is("commit") else "review"]
            yield Delta(text=text)
            yield await self._end(text, "no_backend" if self.means.generator is None else "answered")
            return
        async with aclosing(self._answer(files, shown, gatherer.found.selection, changes)) as events:
            async for event in events:
                yield event

    # ---- what comes before a model is asked for the answer

    async def _topic(self, rest: str) -> Topic:
        if self.command is not None:
            return self.command.topic
        has_context = bool(read_chips(rest)) or self.given.selected is not None
        topic = classify(self.question, has_context=has_context)
        if topic is None and self.means.generator is not None:
            messages = prompt("chat_topic").messages(message=as_data(self.question[:MAX_QUERY]))
            topic = read_topic(await ask(self.means.generator, messages, seconds=_ASK_SECONDS, max_tokens=8))
        return topic or "code"

    async def _changes(self, files: Files | None) -> Changes | None:
        if files is None or not (self._is("review") or self._is("commit")):
            return None
        if self._is("commit"):
            return await asyncio.to_thread(staged_changes, files.root)
        return await asyncio.to_thread(working_changes, files.root, files.buffers)

    async def _query(self, topic: Topic) -> tuple[str, str]:
        """What to search for, and who wrote it; empty when there is nothing to search for."""
        if topic == "talk" or not self.question or self._is("review") or self._is("commit"):
            return "", ""
        turns = self.conversation.turns
        if self._is("search") or not is_follow_up(self.question, turns):
            return self.question[:MAX_QUERY], "question"
        if self.means.generator is not None:
            said = "\n\n".join(f"{message.role}: {message.content[:1000]}" for message in messages_of(turns[-2:]))
            messages = prompt("chat_query").messages(conversation=as_data(said), question=as_data(self.question[:1000]))
            answer = await ask(self.means.generator, messages, seconds=_ASK_SECONDS, max_tokens=60)
            if query := read_query(clean(answer)):
                return query, "model"
        return with_conversation(self.question, turns), "rules"

    async def _gather(self, gatherer: Gatherer, rest: str, topic: Topic, query: str, changes: Changes | None) -> None:
        if changes is not None:
            gatherer.changes(changes, f"/{self.command.name}" if self.command else "git")
        await gatherer.chips(read_chips(rest), self.question)
        await gatherer.selection()
        if topic == "talk" or changes is not None:
            return
        if not self._is("search"):
            await gatherer.focus()
        if query:
            await gatherer.search(query)

    # ---- the answer

    async def _answer(
        self, files: Files | None, shown: Shown, selection: str, changes: Changes | None
    ) -> AsyncGenerator[Event, None]:
        generator = self.means.generator
        if self._is("search") or generator is None:
            why = "" if self._is("search") else self.means.no_model
            async for event in self._without_model(
                shown, why, "searched" if self._is("search") else "no_backend", changes
            ):
                yield event
            return
        self.conversation = await slide(self.conversation, int(self.means.context_tokens * _HISTORY), generator)
        rules = await self._rules(files)
        request = GenerateRequest(
            messages=await self._messages(shown, rules, selection, changes),
            max_tokens=min(_MAX_TOKENS, int(self.means.context_tokens * _ANSWER)),
            seconds=self.means.seconds,
        )
        self.receipt = dataclasses.replace(self.receipt, model=generator.model, rules=rules.paths)
        self.notes += rules.notes
        yield Working(message=f"asking {generator.model}")
        speech = Speech()
        finished: list[Finished] = []
        given: set[int] = set()
        failure = ""
        try:
            async with aclosing(generator.stream(request, on_finish=finished.append)) as stream:
                async for piece in stream:
                    if text := speech.feed(piece):
                        yield Delta(text=text)
                    for event in _newly_cited(speech, shown, given):
                        yield event
                    if speech.is_over:
                        break
        except InferenceError as error:
            failure = str(error)
        if text := speech.finish():
            yield Delta(text=text)
        for event in _newly_cited(speech, shown, given):
            yield event
        async for event in self._conclude(speech, shown, failure, finished, changes):
            yield event

    async def _conclude(
        self, speech: Speech, shown: Shown, failure: str, finished: list[Finished], changes: Changes | None
    ) -> AsyncGenerator[Event, None]:
        """What is said after the model's last word: that it broke off, was cut, or names no source."""
        if failure and not speech.text.strip():
            self.notes.append(failure)
            async for event in self._without_model(
                shown, f"The model could not answer: {failure}", "backend_failed", changes
            ):
                yield event
            return
        text = speech.text
        reason: Reason = "answered"
        tail = ""
        if failure:
            reason, tail = "backend_failed", "\n\n*The answer broke off.*"
            self.notes.append(failure)
        elif speech.ended_by == "special_token":
            reason = "special_token"
            self.notes.append("The answer was ended at a special token of a model.")
        elif speech.ended_by or any(each.reason == "length" for each in finished):
            reason, tail = "too_long", "\n\n*The answer was cut here: it is too long.*"
        elif not text.strip():
            reason, tail = "no_sources", "The model answered nothing."
        elif self.receipt.topic != "talk" and not self._is("commit") and not _existing(speech, shown):
            reason, tail = "no_sources", _NO_SOURCE
        if tail and speech.open_fence:
            tail = f"\n{speech.open_fence}{tail}"
        if tail:
            yield Delta(text=tail)
        if invented := sorted({number for number in speech.cited if shown.numbered(number) is None}):
            names = ", ".join(f"[{number}]" for number in invented[:5])
            self.notes.append(f"The answer names sources that it was not given: {names}.")
        yield await self._end(text + tail, reason, cited=_existing(speech, shown), raw=speech.raw)

    async def _without_model(
        self, shown: Shown, why: str, reason: Reason, changes: Changes | None
    ) -> AsyncGenerator[Event, None]:
        if self._is("commit") and changes is not None:
            text = commit_text(changes)
            self.notes += [why] if why else []
        elif self.receipt.topic == "talk":
            text = talk_text(why)
        else:
            text = safe(found_text(shown, why=why, query=self.receipt.query))
        yield Delta(text=text)
        cited = [] if self._is("commit") or self.receipt.topic == "talk" else [s.citation for s in shown.sources]
        for citation in cited:
            yield Cited(citation=citation)
        yield await self._end(text, reason, cited=cited)

    async def _fix(self) -> AsyncGenerator[Event, None]:
        if self.means.fix is None:
            text = "Put the cursor into the function that is to be fixed, and ask again."
        else:
            yield Working(message="looking for a fix that passes its tests")
            text = safe(clean(await self.means.fix()))
        self.receipt = ContextReceipt(topic="write")
        yield Delta(text=text)
        yield await self._end(text, "acted")

    async def _end(self, text: str, reason: Reason, *, cited: list[Citation] | None = None, raw: str = "") -> Answered:
        """The conversation with this turn. Each range is looked at again: it may have changed since it was shown."""
        files = self.means.files_now() if self.means.files_now is not None and cited else None
        citations = [dataclasses.replace(each, is_current=await is_current(each, files)) for each in cited or ()]
        earlier = self.conversation.turns
        now = self.means.clock()
        turn = Turn(
            number=earlier[-1].number + 1 if earlier else 1,
            question=self.question,
            text=redact(text),
            command=self.command.name if self.command else "",
            citations=tuple(citations),
            blocks=read_code(redact(raw)),
            receipt=dataclasses.replace(
                self.receipt, notes=tuple(self.notes), turns=len(unsummarised(self.conversation))
            ),
            reason=reason,
            seconds=round(time.monotonic() - self.started, 3),
            created=now,
        )
        title = self.conversation.title or " ".join((self.question or f"/{turn.command}").split())[:80]
        return Answered(
            conversation=dataclasses.replace(self.conversation, title=title, updated=now, turns=(*earlier, turn))
        )

    # ---- the prompt

    async def _rules(self, files: Files | None) -> Rules:
        if files is None:
            return Rules()
        room = min(MAX_RULES, int(self.means.context_tokens * _RULES * BYTES_PER_TOKEN))
        return await asyncio.to_thread(rules_for, files, self.given.path, room)

    async def _messages(
        self, shown: Shown, rules: Rules, selection: str, changes: Changes | None
    ) -> tuple[Message, ...]:
        if self._is("commit") and changes is not None:
            return prompt("commit").messages(history=await self._earlier_messages(), diff=shown.text)
        question = self._question(selection)
        if self.receipt.topic == "write":
            question = f"{question}\n\n{part('chat_edit')}"
        passages = shown.text
        if rules.text:
            passages = f"{part('chat_rules', rules=as_data(rules.text))}\n{passages}"
        system, user = prompt("chat").messages(passages=passages, question=question)
        history = messages_of(unsummarised(self.conversation))
        if self.conversation.summary:
            earlier = part("chat_earlier", summary=as_data(clean(self.conversation.summary)))
            understood = Message(role="assistant", content="I go on from there.")
            history = [Message(role="user", content=earlier), understood, *history]
        return (system, *history, user)

    async def _earlier_messages(self) -> str:
        """Of the repository's last commits, for their form."""
        files = self.means.files
        log = await read_log(files.root, count=_COMMITS) if files is not None else None
        return as_data(clean("\n".join(commit.subject for commit in log.commits))) if log is not None else ""

    def _question(self, selection: str) -> str:
        command = self.command
        if command is None:
            return self.question
        if command.is_custom:
            return fill(command.prompt, selection=selection, rest=self.question)
        if command.name == "review":
            return part("chat_review", input=self.question)
        what = "the code that is selected" if selection else self.question or "the code that the editor shows"
        rest = self.question if selection else ""
        return part(f"chat_{command.name}", what=what, input=rest)

    def _is(self, name: str) -> bool:
        return self.command is not None and not self.command.is_custom and self.command.name == name


async def is_current(citation: Citation, files: Files | None) -> bool:
    """Whether the lines of a citation are what they were when the model was shown them."""
    if files is None:
        return False
    try:
        file = await asyncio.to_thread(files.read, citation.path)
    except Refused:
        return False
    return digest_of(file.text, citation.start_line, citation.end_line) == citation.digest


_ABOUT: dict[Topic, str] = {"code": "looking at the code", "write": "preparing to write code", "talk": "thinking"}
_NOTHING_CHANGED = {
    "commit": "Nothing is staged, so there is nothing to describe; stage what the commit is to have.",
    "review": "Nothing has changed since the last commit, so there is nothing to review.",
}


def _existing(speech: Speech, shown: Shown) -> list[Citation]:
    """The sources that an answer names, in the order of their first mention."""
    found = (shown.numbered(number) for number in dict.fromkeys(speech.cited))
    return [citation for citation in found if citation is not None]


def _newly_cited(speech: Speech, shown: Shown, given: set[int]) -> list[Cited]:
    new = [citation for citation in _existing(speech, shown) if citation.number not in given]
    given.update(citation.number for citation in new)
    return [Cited(citation=citation) for citation in new]
