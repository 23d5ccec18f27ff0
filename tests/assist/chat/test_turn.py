"""Parts of a turn that need no editor: what fits, what slides out of the window, and which blocks are edits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from assist.chat.answer import Answered, Cited, Delta, Event, Means, take_turn
from assist.chat.blocks import read_code
from assist.chat.context import Piece, best_first, piece_of, show
from assist.chat.conversation import Conversation, Turn, digest_of
from assist.chat.errors import Refused
from assist.chat.files import File, Files, clean
from assist.chat.given import Given
from assist.chat.ports import Found, Place
from assist.chat.speech import MAX_ANSWER, WORDS, Speech
from assist.chat.window import MAX_SUMMARY, messages_of, slide
from inference.fim.families import SPECIAL_TOKENS
from inference.prompts.inert import CONTROL_TOKENS
from inference.scripted import ScriptedAnswer, ScriptedGenerator

CODE = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"


@dataclasses.dataclass(frozen=True)
class Knows:
    """A finder of places that it was told."""

    places: tuple[Place, ...] = ()

    async def find(self, query: str, *, limit: int, prefix: str = "") -> Found:
        return Found(places=tuple(place for place in self.places if place.path.startswith(prefix))[:limit])

    async def beginning(self, prefix: str) -> Found:
        return Found(places=tuple(place for place in self.places if place.symbol.startswith(prefix)))

    async def defined(self, name: str) -> Found:
        return Found(places=tuple(place for place in self.places if place.symbol == name))


TWO = Place(path="a.py", start_line=4, end_line=6, symbol="two")


async def events(root: Path, message: str, *answers: ScriptedAnswer, given: Given | None = None) -> list[Event]:
    generator = ScriptedGenerator(answers) if answers else None
    files = Files(root, {})
    means = Means(generator=generator, finder=Knows((TWO,)), files=files, files_now=lambda: Files(root, {}))
    found = [event async for event in take_turn(Conversation(id="c", root=str(root)), message, given or Given(), means)]
    assert generator is None or generator.open_streams == 0
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text(CODE)
    return tmp_path.resolve()


async def test_a_turn_ends_with_itself_and_names_each_source_once(root: Path) -> None:
    found = await events(root, "what does two() do?", ScriptedAnswer(text="Two [1], really [1].", pieces=1))
    text = "".join(event.text for event in found if isinstance(event, Delta))
    last = found[-1]
    assert isinstance(last, Answered)
    turn = last.conversation.turns[0]
    assert (text, turn.text, turn.reason) == ("Two [1], really [1].", text, "answered")
    [cited] = [event.citation for event in found if isinstance(event, Cited)]
    assert turn.citations == (cited,)
    assert (cited.path, cited.start_line, cited.end_line, cited.symbol) == ("a.py", 4, 6, "two")
    assert cited.digest == digest_of(CODE, 4, 6)


async def test_a_turn_that_is_left_closes_the_models_stream(root: Path) -> None:
    generator = ScriptedGenerator([ScriptedAnswer(text="word " * 100, pieces=5)])
    turn = take_turn(Conversation(id="c", root=str(root)), "what does two() do?", Given(), Means(generator=generator))
    async for event in turn:
        if isinstance(event, Delta):
            assert generator.open_streams == 1
            break
    await turn.aclose()
    assert generator.open_streams == 0


async def test_a_message_that_is_too_long_is_cut_and_says_so(root: Path) -> None:
    last = (await events(root, "what? " * 10_000))[-1]
    assert isinstance(last, Answered)
    assert "The message was cut to its first 32,000 characters." in last.conversation.turns[0].receipt.notes


# ---- sources


def whole(kind: str, *, path: str = "a.py", lines: int = 6, score: float = 0.0) -> Piece:
    text = "\n".join(f"line {number} of {path}" for number in range(lines))
    file = File(path=path, text=text, shown=tuple(text.split("\n")))
    piece = piece_of(file, 0, lines, kind=kind, source=kind, score=score)
    assert piece is not None
    return piece


def test_what_was_named_comes_before_what_was_found() -> None:
    named, found = whole("file", lines=30), [whole("hit", path=f"h{n}.py", score=-n) for n in range(9)]
    shown = show([*found, named], 400)
    *hits, last = [part.path for part in shown.parts if not part.left_out]
    assert last == "a.py"
    assert hits == [f"h{n}.py" for n in range(len(hits))], "the best of what was found"
    assert [source.citation.number for source in shown.sources] == list(range(1, len(hits) + 2))
    assert [part.left_out for part in shown.parts[len(hits) + 1 :]] == ["no room: over the budget"] * (9 - len(hits))
    assert shown.tokens <= 400


def test_what_was_named_is_cut_to_what_fits_with_the_digest_of_what_is_left() -> None:
    piece = whole("file", lines=500)
    text = piece.text
    shown = show([piece], 300, [File(path="a.py", text=text, shown=())])
    [source] = shown.sources
    assert 0 < source.citation.end_line < 500
    assert source.citation.digest == digest_of(text, 0, source.citation.end_line)
    assert shown.parts[0].source == "file (cut)"
    assert shown.tokens <= 300


def test_the_same_lines_are_shown_once() -> None:
    shown = show([whole("selection"), whole("hit"), whole("focus")], 4000)
    assert [part.left_out for part in shown.parts] == ["", "there already", "there already"]


def test_the_order_for_a_model_is_steady_and_that_for_a_person_by_rank() -> None:
    hits = [whole("hit", path=path, score=score) for path, score in (("b.py", 3.0), ("a.py", 1.0), ("c.py", 2.0))]
    assert [source.citation.path for source in show(hits, 4000).sources] == ["a.py", "b.py", "c.py"]
    ranked = show(hits, 4000, order=best_first)
    assert [source.citation.path for source in ranked.sources] == ["b.py", "c.py", "a.py"]


def test_a_secret_is_redacted_before_a_file_is_cut(tmp_path: Path) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7f0abc\n" * 20 + "-----END RSA PRIVATE KEY-----"
    (tmp_path / "k.py").write_text(f"K = '''{key}'''\n")
    file = Files(tmp_path.resolve(), {}).read("k.py")
    assert len(file.shown) == len(file.text.split("\n"))
    assert "MIIE" not in "\n".join(file.shown[5:9])


@pytest.mark.parametrize("path", ["", "../a.py", "/etc/passwd", "nowhere.py", ".", "a\0b"])
def test_files_that_are_none(root: Path, path: str) -> None:
    with pytest.raises(Refused, match="was left out"):
        Files(root, {}).read(path)


def test_tokens_of_models_are_inert_in_what_is_sent() -> None:
    for token in CONTROL_TOKENS:
        assert token not in clean(f"a {token} b {token}{token}")
    assert clean("half a character: \ud800") == "half a character: ?"


# ---- what a model says


@pytest.mark.parametrize("token", sorted(set(SPECIAL_TOKENS) - WORDS))
def test_no_special_token_is_shown(token: str) -> None:
    for size in (1, 3, 100):
        speech = Speech()
        text = f"So [1] <filename>{token}[2] more"
        out = "".join(speech.feed(text[at : at + size]) for at in range(0, len(text), size)) + speech.finish()
        assert out == "So [1] <filename>"
        assert (speech.ended_by, speech.cited, speech.raw) == ("special_token", [1], out)


def test_an_answer_has_an_end() -> None:
    speech = Speech()
    while not speech.is_over:
        speech.feed("word " * 1000)
    speech.finish()
    assert (speech.ended_by, len(speech.text)) == ("too_long", MAX_ANSWER)


BLOCKS: dict[str, tuple[str, list[tuple[str, str, bool]]]] = {
    "a comment names the file": ("```python\n# src/a.py\nx = 1\n```", [("python", "src/a.py", True)]),
    "the fence names it": ("```python src/a.py\nx = 1\n```", [("python", "src/a.py", True)]),
    "the fence names it with a colon": ("```python:src/a.py\nx = 1\n```", [("python", "src/a.py", True)]),
    "the line above names it": ("In **src/a.py**:\n\n**src/a.py**\n\n```\nx\n```", [("", "src/a.py", True)]),
    "a heading names it": ("### File: `src/a.py`\n```py\nx\n```", [("py", "src/a.py", True)]),
    "nobody names it": ("Run it:\n```sh\nmake\n```", [("sh", "", False)]),
    "it has no end": ("```python\n# a.py\nx = 1", [("python", "a.py", True)]),
    "search and replace": ("a.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n", [("", "a.py", True)]),
    "search and replace in a fence": (
        "a.py\n```python\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```\n",
        [("", "a.py", True)],
    ),
    "half of one": ("a.py\n<<<<<<< SEARCH\nx\n=======\ny\n", []),
    "nothing in it": ("```\n\n```", []),
    "longer fences": ("````md\n```\nx\n```\n````", [("md", "", False)]),
}


@pytest.mark.parametrize(("answer", "blocks"), BLOCKS.values(), ids=BLOCKS)
def test_blocks_of_an_answer(answer: str, blocks: list[tuple[str, str, bool]]) -> None:
    assert [(each.language, each.path, each.is_edit) for each in read_code(answer)] == blocks


def test_blocks_without_end() -> None:
    assert len(read_code("```\nx\n```\n" * 1000)) == 40


# ---- the window


def turns(count: int, size: int = 400) -> Conversation:
    several = [
        Turn(number=n, question=f"Question {n}?", text=f"Answer {n}. " + "word " * size) for n in range(1, count + 1)
    ]
    return Conversation(id="c", root="", turns=tuple(several))


async def test_what_fits_stays() -> None:
    assert await slide(turns(2), 10_000, None) == turns(2)


async def test_what_leaves_is_summarised_in_first_lines_without_a_model() -> None:
    slid = await slide(turns(6), 2000, None)
    assert slid.summarised == 5
    assert slid.summary.split("\n")[0].startswith("Asked: Question 1? Answered: Answer 1. word")
    assert "Question 6?" not in slid.summary
    again = await slide(dataclasses.replace(slid, turns=(*slid.turns, *turns(1).turns)), 2000, None)
    assert again.summary == slid.summary, "it moves in steps"
    assert len((await slide(turns(200), 2000, None)).summary) <= MAX_SUMMARY


async def test_a_model_writes_the_summary_and_first_lines_stand_in_for_one_that_fails() -> None:
    model = ScriptedGenerator([ScriptedAnswer(when=("Question 1?",), text="They spoke of words.")])
    assert (await slide(turns(6), 2000, model)).summary == "They spoke of words."
    broken = ScriptedGenerator([ScriptedAnswer(error="gone")])
    assert (await slide(turns(6), 2000, broken)).summary.startswith("Asked: Question 1?")


def test_numbers_of_other_turns_are_the_places_they_named() -> None:
    from assist.chat.conversation import Citation

    cited = Citation(number=1, path="a.py", start_line=2, end_line=5, digest="")
    said = Turn(number=1, question="q", text="so [1] and [2]", citations=(cited,), command="explain")
    assert [(each.role, each.content) for each in messages_of([said])] == [
        ("user", "/explain q"),
        ("assistant", "so (a.py:3-5) and "),
    ]
