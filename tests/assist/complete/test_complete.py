"""The pipeline with a real generator that replays a script: what comes out, why, and what the model was asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest

from assist.complete.complete import Completion
from assist.complete.context import ContextKeeper, imported_names, query_of
from assist.complete.gate import FEATURES, Gate
from assist.complete.means import Means, Model
from assist.complete.prompt import Dialect, InSecret, prompt_for, without_secrets
from assist.complete.values import Hole, Outcome, Snippet, Wishes
from inference.errors import BadRequest, BrokenStream, BudgetSpent, InferenceError, Overloaded, TimedOut
from inference.fim.families import FAMILIES
from inference.ports import CompletionRequest, Finished, OnFinish
from inference.scripted import ScriptedAnswer, ScriptedGenerator

QWEN = next(family for family in FAMILIES if family.name == "qwen-coder")
DIALECT = Dialect(family=QWEN, count=lambda text: len(text) // 3 + 1, context_tokens=8192)
NOW = Wishes(least_wait=0.0, most_wait=0.0)
WRITTEN = """\
def register_handler(name, handler, registry):
    if name in registry:
        raise DuplicateHandler(f"there is a handler for {name} already")
    registry[name] = handler


def register_filter(name, handler, registry):
    if name in registry:
        raise DuplicateHandler(f"there is a handler for {name} already")
    registry[name] = handler


def register_sink(name, handler, registry):
    if name in registry:
        raise DuplicateHandler("""


class Watched:
    """A generator that remembers what it was asked, and may fail or take long."""

    def __init__(self, *texts: str, error: InferenceError | None = None, delay: float = 0.0) -> None:
        self.requests: list[CompletionRequest] = []
        self.begun = asyncio.Event()
        self.closed = 0
        self._texts = texts
        self._error = error
        self._delay = delay
        self.inner = ScriptedGenerator([ScriptedAnswer(text=text, uses=1, pieces=5, delay=delay) for text in texts])

    @property
    def model(self) -> str:
        return "watched"

    async def complete(
        self, request: CompletionRequest, *, on_finish: OnFinish | None = None
    ) -> AsyncGenerator[str, None]:
        self.requests.append(request)
        self.begun.set()
        try:
            if self._error is not None:
                raise self._error
            async for piece in self.inner.complete(request):
                yield piece
            if on_finish:
                on_finish(Finished(reason="stop", backend="code@2 on gpu-1"))
        finally:
            self.closed += 1

    def stream(self, request: object, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def hole(text: str, *, version: int = 1, invoked: bool = False, language: str = "python", path: str = "a.py") -> Hole:
    before, after = text.split("│")
    return Hole(
        document="file:///a.py",
        path=path,
        language=language,
        version=version,
        text=before + after,
        offset=len(before),
        invoked=invoked,
    )


def means(generator: Watched | None = None, **more: object) -> Means:
    model = Model(generator=generator, dialect=DIALECT) if generator is not None else None
    return Means(**{"model": model, "version": lambda: 1, **more})  # type: ignore[arg-type]


async def ask(text: str, generator: Watched | None = None, *, wishes: Wishes = NOW, **more: object) -> Outcome:
    return await Completion(time.monotonic).complete(hole(text), means(generator, **more), wishes)


def texts(outcome: Outcome) -> list[str]:
    return [item.text for item in outcome.items]


async def test_an_answer_says_how_it_came_about() -> None:
    model = Watched("a + b\n\nprint(add(1, 2))\n")
    outcome = await ask("def add(a, b):\n    return │\n", model)
    said = outcome.explanation
    assert texts(outcome) == ["a + b"]
    assert (said.reason, said.origin, said.model, said.family, said.shape) == (
        "", "model", "watched", "qwen-coder", "line",
    )  # fmt: skip
    assert said.tokens > 0
    assert said.budget >= said.tokens
    assert said.first_seconds is not None
    assert said.first_seconds <= said.seconds


async def test_the_model_is_asked_in_its_own_form_and_stopped_at_the_end_of_the_line() -> None:
    model = Watched("a + b\n" + "x = 1\n" * 100)
    await ask("def add(a, b):\n    return │\n", model)
    assert model.requests[0].prompt == "<|fim_prefix|>def add(a, b):\n    return <|fim_suffix|><|fim_middle|>"
    assert "<|endoftext|>" in model.requests[0].stop
    assert model.inner.open_streams == 0
    assert model.closed == 1


async def test_typing_along_asks_nobody_and_stays_the_same_suggestion() -> None:
    model, completion = Watched("first + second"), Completion(time.monotonic)
    whole = await completion.complete(hole("total = │"), means(model), NOW)
    along = await completion.complete(hole("total = fir│", version=2), means(model), NOW)
    assert texts(along) == ["st + second"]
    assert along.items[0].id == whole.items[0].id
    assert along.explanation.cache_hit
    assert len(model.requests) == 1


async def test_nothing_to_add_is_remembered_too() -> None:
    model, completion = Watched("\n"), Completion(time.monotonic)
    for _ in range(2):
        assert (await completion.complete(hole("x = 1│"), means(model), NOW)).explanation.reason == "empty"
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Overloaded("full"), "busy"),
        (BudgetSpent("enough"), "busy"),
        (TimedOut("late"), "timeout"),
        (BadRequest("what"), "no_backend"),
        (BrokenStream("cut"), "error"),
        (InferenceError("odd"), "error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_model_that_fails_is_stood_in_for_by_a_copy(error: InferenceError, reason: str) -> None:
    copied = await ask(WRITTEN + "│", Watched(error=error))
    assert texts(copied) == ['f"there is a handler for {name} already")']
    assert (copied.items[0].origin, copied.explanation.fallback) == ("copied", reason)
    nothing = await ask("x = │", Watched(error=error))
    assert (nothing.explanation.reason, nothing.explanation.detail) == (reason, str(error))


async def test_without_a_model_it_is_copied_or_there_is_no_match() -> None:
    copied = await ask(WRITTEN + "│")
    assert copied.items[0].origin == "copied"
    assert copied.explanation.fallback == ""
    assert (await ask("x = │")).explanation.reason == "no_match"


async def test_what_stands_in_another_open_file_is_copied() -> None:
    above, _, last = WRITTEN.rpartition("\n\n\n")
    assert texts(await ask(last + "│", others=lambda: [above + "\n"])) == ['f"there is a handler for {name} already")']


async def test_settings_that_cannot_be_used_are_said() -> None:
    said = (await ask("x = │", problem="models.code: there is no family x.")).explanation
    assert (said.reason, said.detail) == ("no_backend", "models.code: there is no family x.")


@pytest.mark.parametrize(
    ("text", "answer", "reason"),
    [
        ("a b│c", "x", "place"),
        ("x = │", "", "empty"),
        ("x = │", "\ny = 1", "empty"),
        ("x = │\nx = 1\n", "1", "filtered:already_there"),
        ("x = │", "'AKIAIOSFODNN7ABCDEFG'", "filtered:secrets"),
        ("x = │", "<|fim_middle|>y", "empty"),
        ("x = (1│", "]", "filtered:brackets"),
        ("x = 'ghp_aB3dE5fG7hJ9kL1m│N3pQ5rS7tU9vW1xY3zA5'", "x", "place"),
        ("x = 'ghp_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5│'", "x", ""),
    ],
)
async def test_every_empty_answer_has_a_reason(text: str, answer: str, reason: str) -> None:
    assert (await ask(text, Watched(answer))).explanation.reason == reason


async def test_a_changed_document_gets_nothing_and_the_answer_is_kept() -> None:
    model, completion = Watched("one"), Completion(time.monotonic)
    stale = await completion.complete(hole("x = │"), means(model, version=lambda: 2), NOW)
    assert (stale.items, stale.explanation.reason) == ((), "stale")
    again = await completion.complete(hole("x = o│", version=2), means(model, version=lambda: 2), NOW)
    assert texts(again) == ["ne"]


async def _both(first: Wishes, generator: Watched) -> tuple[Outcome, Outcome]:
    completion = Completion(time.monotonic)
    older = asyncio.create_task(completion.complete(hole("x = │"), means(generator), first))
    await asyncio.sleep(0.05)
    newer = await completion.complete(hole("y = │"), means(generator), NOW)
    return await older, newer


async def test_a_newer_request_cancels_the_older_one_at_the_model() -> None:
    model = Watched("one, two, three, four, five", "next", delay=0.02)
    older, newer = await _both(NOW, model)
    assert older.explanation.reason == "superseded"
    assert newer.items
    assert (model.closed, model.inner.open_streams) == (2, 0)


async def test_a_newer_request_before_the_model_was_asked() -> None:
    model = Watched("one")
    older, newer = await _both(Wishes(least_wait=5.0, most_wait=5.0), model)
    assert older.explanation.reason == "debounced"
    assert texts(newer) == ["one"]
    assert len(model.requests) == 1


async def test_documents_do_not_cancel_each_other() -> None:
    model, completion = Watched("one", "two", delay=0.05), Completion(time.monotonic)
    other = replace(hole("y = │"), document="file:///b.py")
    found = await asyncio.gather(
        completion.complete(hole("x = │"), means(model), NOW), completion.complete(other, means(model), NOW)
    )
    assert sorted(text for outcome in found for text in texts(outcome)) == ["one", "two"]


async def test_a_request_that_is_cancelled_stops_the_model() -> None:
    model, completion = Watched("a long answer that takes its time", delay=0.05), Completion(time.monotonic)
    task = asyncio.create_task(completion.complete(hole("x = │"), means(model), NOW))
    await model.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (model.closed, model.inner.open_streams) == (1, 0)
    assert completion.last is not None
    assert completion.last.reason == "cancelled"


async def test_a_backend_that_forgets_its_deadline_is_not_waited_for() -> None:
    class Forgetful(Watched):
        async def complete(
            self, request: CompletionRequest, *, on_finish: OnFinish | None = None
        ) -> AsyncGenerator[str, None]:
            await asyncio.sleep(3600)
            yield ""

    assert (await ask("x = │", Forgetful(), wishes=replace(NOW, seconds=0.05))).explanation.reason == "timeout"


async def test_by_a_key_there_are_several_and_each_once() -> None:
    model = Watched("one", "two", "one")
    outcome = await Completion(time.monotonic).complete(hole("x = │", invoked=True), means(model), NOW)
    assert sorted(texts(outcome)) == ["one", "two"]
    assert sorted(request.temperature for request in model.requests) == [0.0, 0.7, 0.7]


async def test_one_candidate_that_fails_spoils_none_of_the_others() -> None:
    model = Watched("one")  # the script has nothing for the other two
    outcome = await Completion(time.monotonic).complete(hole("x = │", invoked=True), means(model), NOW)
    assert texts(outcome) == ["one"]


async def test_a_gate_suppresses_what_nobody_asked_for_and_never_what_somebody_did() -> None:
    completion = Completion(time.monotonic)
    size = len(FEATURES)
    completion.gate = Gate(
        weights=(-9.0, *[0.0] * size), means=(0.0,) * size, deviations=(1.0,) * size, line=0.5, auc=0.9
    )
    said = (await completion.complete(hole("x = │"), means(Watched("one")), NOW)).explanation
    assert said.reason == "suppressed"
    assert said.gate is not None
    assert texts(await completion.complete(hole("x = │", invoked=True), means(Watched("one")), NOW)) == ["one"]
    off = replace(NOW, gate="off")
    assert texts(await completion.complete(hole("y = │"), means(Watched("one")), off)) == ["one"]


class Library:
    """Sources that answer when they are let."""

    def __init__(self, *found: Snippet, slow: asyncio.Event | None = None) -> None:
        self._found = found
        self._slow = slow
        self.asked = 0

    def at_hand(self, hole: Hole) -> Sequence[Snippet]:
        return ()

    async def definitions(self, hole: Hole, names: Sequence[str]) -> Sequence[Snippet]:
        return [replace(each, source=f"imports {names[0]}") for each in self._found if each.kind == "definition"]

    async def related(self, hole: Hole, query: str) -> Sequence[Snippet]:
        self.asked += 1
        if self._slow is not None:
            await self._slow.wait()
        return [each for each in self._found if each.kind == "hit"]


HIT = Snippet(kind="hit", source="search", path="lib/cart.py", text="def total(cart): ...", end_line=1, score=0.5)
DEFINED = Snippet(kind="definition", source="", path="lib/shop.py", text="class Shop:", end_line=9, score=1.0)


async def test_other_files_stand_in_the_prompt_and_in_the_account() -> None:
    completion, library = Completion(time.monotonic), Library(HIT, DEFINED)
    for name in range(100):  # a request waits for what is found for 4 ms, which a busy machine may miss
        model = Watched("total(cart)")
        source = means(model, sources=library)
        outcome = await completion.complete(hole(f"from shop import Shop\nx{name} = │"), source, NOW)
        if len(outcome.explanation.snippets) == 2:
            break
        await asyncio.sleep(0.02)
    prompt = model.requests[0].prompt
    assert "<|file_sep|>lib/cart.py\ndef total(cart): ...\n" in prompt
    assert prompt.index("lib/cart.py") < prompt.index("lib/shop.py") < prompt.index("<|fim_prefix|>")
    said = [(each.kind, each.path, each.shown) for each in outcome.explanation.snippets]
    assert said == [("definition", "lib/shop.py", True), ("hit", "lib/cart.py", True)]


async def test_a_search_that_is_late_is_left_out_and_there_the_next_time() -> None:
    slow = asyncio.Event()
    library, completion, model = Library(HIT, slow=slow), Completion(time.monotonic), Watched("one", "two")
    first = await completion.complete(hole("x = │"), means(model, sources=library), NOW)
    assert (texts(first), first.explanation.late, first.explanation.snippets) == (["one"], ("search",), ())
    slow.set()
    await asyncio.sleep(0.05)
    second = await completion.complete(hole("y = │"), means(model, sources=library), NOW)
    assert [each.path for each in second.explanation.snippets] == ["lib/cart.py"]
    assert library.asked == 1
    await completion.close()


async def test_what_was_found_serves_the_lines_near_by() -> None:
    keeper, library = ContextKeeper(time.monotonic, seconds=1.0), Library(HIT)
    text = "x = 1\n" * 100
    for offset in (0, 60, 90, 590):
        await keeper.gather(library, replace(hole("│"), text=text, offset=offset))
        await asyncio.sleep(0.01)
    assert library.asked == 2


def test_names_that_are_imported_and_used_come_first() -> None:
    text = "from shop import Cart, Order\nimport json\n\nx = json.loads(Order │"
    assert imported_names(hole(text)) == ["Order", "json", "Cart"]
    assert set(imported_names(hole("const { read } = require('fs')\nuse std::fs::File;\n│"))) == {"read", "std", "File"}


@pytest.mark.parametrize(
    "text",
    [
        "key = 'AKIAIOSFOD│NN7ABCDEFG'\n",
        "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQ\n" * 5 + "MIIE│vQIB\n-----END PRIVATE KEY-----\n",
    ],
    ids=["token", "private key"],
)
def test_nothing_is_sent_from_within_a_secret(text: str) -> None:
    with pytest.raises(InSecret):
        without_secrets(hole(text))


def test_a_secret_elsewhere_is_replaced_and_the_rest_is_as_it_was() -> None:
    text = "a = 'AKIAIOSFODNN7ABCDEFG'\nb = │2\nc = 'AKIAIOSFODNN7ABCDEFG'\n"
    before, after = without_secrets(hole(text))
    assert before == "a = '[redacted: AWS access key]'\nb = "
    assert after == "2\nc = '[redacted: AWS access key]'\n"


def test_a_private_key_that_begins_above_what_is_looked_at() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 200 + "-----END PRIVATE KEY-----\n"
    text = key + "x = 1\n" * 700 + "│"
    prompt = prompt_for(hole(text), DIALECT, "line", ())
    assert "MIIEvQ" not in prompt.text
    assert "x = 1" in prompt.text


def test_snippets_are_redacted_too() -> None:
    secret = replace(HIT, text="key = 'AKIAIOSFODNN7ABCDEFG'")
    assert "AKIA" not in prompt_for(hole("x = │"), DIALECT, "line", (secret,)).text


def test_a_model_without_a_form_of_its_own_gets_what_stands_before() -> None:
    dialect = replace(DIALECT, family=None)
    made = prompt_for(hole("x = │\ny = 1"), dialect, "line", (HIT,))
    assert (made.text, made.suffix) == ("x = ", "")
    made = prompt_for(hole("x = │\ny = 1"), replace(dialect, fills_in=True), "line", (HIT,))
    assert (made.text, made.suffix) == ("x = ", "\ny = 1")


def test_a_query_holds_no_secret() -> None:
    assert "AKIA" not in query_of(hole("key = 'AKIAIOSFODNN7ABCDEFG'\nx = │"))
