"""Conversations over the wire: begun, streamed, cited, followed up, kept, listed, deleted."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import stat
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.inference.lying_server import running, seen_by
from tests.server.chatroom import Chat, cited, noted, open_chat, scripted, served
from tests.server.desk import Start

pytestmark = pytest.mark.asyncio(loop_scope="module")

CART = '''\
def total(prices):
    """Sum of all prices in the basket."""
    return sum(prices)


def discount(price, percent):
    """The price less some percent."""
    return price - price * percent / 100
'''
MAIL = "def deliver(letter):\n    return letter.address\n"


@pytest.fixture(scope="module")
def address() -> Generator[str, None, None]:
    with running() as address:
        yield address


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "post").mkdir(parents=True)
    (root / "cart.py").write_text(CART)
    (root / "post" / "mail.py").write_text(MAIL)
    return root


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=root, check=True)


async def seen(address: str, name: str) -> list[dict[str, Any]]:
    return [each["body"] for each in await asyncio.to_thread(seen_by, address, name)]


def prompt_of(body: dict[str, Any]) -> str:
    return "\n".join(message["content"] for message in body["messages"])


# ---- an answer and its sources


async def test_an_answer_streams_and_names_its_sources(desk: Start, root: Path, address: str) -> None:
    text = "It sums them [1], as told[1].\n\n```python\n# cart.py\ndef total(prices):\n    return 0\n```\n"
    it = await open_chat(desk, root, **served(address, "cited", text=text))
    request, token = it.start("What does `total` do with the prices?", workDoneToken="work")
    answer = (await it.desk.wire.response(request))["result"]
    assert (answer["text"], answer["reason"], answer["turn"]) == (text, "answered", 1)
    assert answer["model"].startswith("openai:say")
    assert answer["seconds"] > 0

    kinds = [value["kind"] for value in it.pieces(token)]
    assert kinds.index("progress") < kinds.index("delta") < kinds.index("citation") < len(kinds) - 1
    assert kinds.count("delta") > 3
    assert "".join(value["text"] for value in it.pieces(token, "delta")) == text
    assert kinds.count("citation") == 1
    work = [value["kind"] for value in it.pieces("work")]
    assert (work[0], work[-1]) == ("begin", "end")
    # All pieces came before the answer.
    methods = [m for m in it.desk.wire.received if m.get("id") == request or m.get("params", {}).get("token") == token]
    assert methods[-1].get("id") == request

    [citation] = answer["citations"]
    lines = CART.split("\n")[citation["range"]["start"]["line"] : citation["range"]["end"]["line"]]
    assert lines[0].startswith("def total")
    assert citation["digest"] == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert (citation["uri"], citation["current"]) == (it.desk.uri("cart.py"), True)
    [block] = answer["blocks"]
    assert (block["path"], block["applicable"]) == ("cart.py", True)

    [body] = await seen(address, "cited")
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert "def total(prices):" in body["messages"][1]["content"]
    assert "def total" not in body["messages"][0]["content"], "nothing of a file is in the system's part"
    explained = await it.desk.wire.result("assay/explain", {"kind": "answer"})
    assert explained["context"] == answer["context"]
    assert (explained["context"]["query"], explained["context"]["queryBy"]) == (answer["question"], "question")


async def test_unsaved_text_is_what_is_shown_and_cited(desk: Start, root: Path, address: str) -> None:
    it = await open_chat(desk, root, **served(address, "unsaved", text="So [1] [2]."))
    it.desk.open("cart.py", CART.replace("sum(prices)", "fsum(prices)"))
    answer = await it.say("Explain @file:cart.py:1-3")
    [body] = await seen(address, "unsaved")
    assert "return fsum(prices)" in prompt_of(body)
    assert "def discount" not in prompt_of(body).partition("[2]")[0]
    lines = CART.replace("sum(prices)", "fsum(prices)").split("\n")[:3]
    [named] = [
        each for each in answer["citations"] if each["range"]["start"]["line"] == 0 and each["path"] == "cart.py"
    ]
    assert named["digest"] == hashlib.sha256("\n".join(lines).encode()).hexdigest()


async def test_a_source_that_changed_while_it_was_cited_is_marked(desk: Start, root: Path, address: str) -> None:
    it = await open_chat(desk, root, **served(address, "moved", text="So it is [1] [2]. " * 20, delay=0.05))
    it.desk.open("cart.py")
    request, _ = it.start("Explain @file:cart.py")
    await it.desk.wire.notification("$/progress", lambda p: p["value"]["kind"] == "delta")
    it.desk.change("cart.py", "# new first line\n" + CART, 2)
    answer = (await it.desk.wire.response(request))["result"]
    assert [each["current"] for each in answer["citations"] if each["path"] == "cart.py"] == [False]
    it.desk.change("cart.py", CART, 3)
    assert all(each["current"] for each in (await it.history())["turns"][0]["citations"])


async def test_numbers_without_a_source_are_no_citations_and_no_citation_is_said(
    desk: Start, root: Path, address: str
) -> None:
    it = await open_chat(desk, root, **served(address, "invented", text="Surely [77], `x[1]`."))
    answer = await it.say("What does `total` do?")
    assert (answer["citations"], answer["reason"]) == ([], "no_sources")
    assert answer["text"].endswith("*This answer cites no source of the workspace.*")
    assert "sources that it was not given: [77]" in noted(answer)


# ---- without a model, and with one that fails


async def test_without_a_model_the_answer_is_what_was_found(desk: Start, root: Path) -> None:
    it = await open_chat(desk, root)
    answer = await it.say("Where is the sum of all prices in the basket made?")
    assert answer["text"].startswith("No model is set up for chat, so none was asked. This was found for “Where")
    assert cited(answer)[0] == (1, "cart.py")
    assert "[1] `total, discount` cart.py, lines 1 to " in answer["text"], answer["text"]
    assert (answer["reason"], answer["model"]) == ("no_backend", None)
    assert (await it.say("thanks!"))["text"].startswith("No model is set up for chat")


async def test_a_model_that_fails_at_once_leaves_what_was_found(desk: Start, root: Path, address: str) -> None:
    it = await open_chat(desk, root, **served(address, "refused", "status", code=401))
    answer = await it.say("What does `total` do with prices?")
    assert answer["text"].startswith("The model could not answer: ")
    assert (answer["reason"], cited(answer)[0]) == ("backend_failed", (1, "cart.py"))
    assert "Traceback" not in answer["text"]


async def test_a_model_that_breaks_off_leaves_what_it_said(desk: Start, root: Path, tmp_path: Path) -> None:
    broken = {"text": "It sums them [1], and\n```python\nx = 1\n", "error": "the model fell over"}
    it = await open_chat(desk, root, **scripted(tmp_path, broken))
    answer = await it.say("What does `total` do with prices?")
    assert answer["text"] == broken["text"] + "\n```\n\n*The answer broke off.*"
    assert (answer["reason"], cited(answer)) == ("backend_failed", [(1, "cart.py")])
    assert noted(answer).endswith("the model fell over")


async def test_settings_of_a_model_that_cannot_be_used_are_said(desk: Start, root: Path) -> None:
    it = await open_chat(desk, root, ASSAY_MODELS_M_BACKEND="scripted", ASSAY_MODELS_M_SCRIPT="/nowhere")
    assert "cannot be read" in (await it.say("What does `total` do?"))["text"]


# ---- conversations


async def test_a_follow_up_searches_with_the_conversation(desk: Start, root: Path, tmp_path: Path) -> None:
    answers = (
        {"when": ["You write one search"], "text": "deliver letter address"},
        {"when": ["BEGIN message"], "text": "code"},
        {"text": "So [1]."},
    )
    it = await open_chat(desk, root, **scripted(tmp_path, *answers))
    await it.say("What does `deliver` do?")
    answer = await it.say("and where does it take that from?")
    assert (answer["context"]["query"], answer["context"]["queryBy"]) == ("deliver letter address", "model")
    assert answer["context"]["turns"] == 1


async def test_a_follow_up_without_a_model_carries_names_along(desk: Start, root: Path) -> None:
    it = await open_chat(desk, root)
    await it.say("What does `discount` do?")
    answer = await it.say("and who calls it?")
    assert answer["context"]["query"] == "and who calls it? discount total"
    assert "discount" in answer["text"]


async def test_a_model_settles_what_the_rules_cannot_tell(desk: Start, root: Path, address: str) -> None:
    it = await open_chat(desk, root, **served(address, "topic", text="talk"))
    answer = await it.say("Rain again on Sunday")
    assert (answer["context"]["topic"], answer["context"]["query"], answer["reason"]) == ("talk", None, "answered")


async def test_a_conversation_is_resumed_after_a_restart_and_deleted_for_good(
    desk: Start, root: Path, address: str
) -> None:
    model = served(address, "resumed", text="A remarkable answer [1].")
    it = await open_chat(desk, root, **model)
    await it.say("What does `total` do?")
    await it.desk.wire.stop()

    again = await desk(root, **model)
    [listed] = (await again.wire.result("assay/chat/list", {}))["conversations"]
    assert (listed["conversation"], listed["title"], listed["turns"]) == (it.id, "What does `total` do?", 1)
    resumed = Chat(again, it.id)
    await resumed.say("Write `total` anew.")
    body = (await seen(address, "resumed"))[-1]
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][2]["content"].startswith("A remarkable answer (cart.py:1-")
    assert [turn["turn"] for turn in (await resumed.history())["turns"]] == [1, 2]

    file = Path(os.environ["ASSAY_STATE"]) / "chat.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"remarkable" in file.read_bytes()
    assert await again.wire.result("assay/chat/destroy", {"conversation": it.id}) == {"destroyed": True}
    assert b"remarkable" not in file.read_bytes()
    assert (await again.wire.result("assay/chat/list", {}))["conversations"] == []
    gone = await again.wire.request("assay/chat/turn", {"conversation": it.id, "message": "x"})
    assert "no conversation" in gone["error"]["message"]


async def test_with_history_off_nothing_is_written(desk: Start, root: Path) -> None:
    it = await open_chat(desk, root, ASSAY_CHAT_HISTORY="off")
    await it.say("What does `total` do?")
    assert len((await it.history())["turns"]) == 1
    assert not (Path(os.environ["ASSAY_STATE"]) / "chat.sqlite").exists()


async def test_a_window_that_overflows_is_summarised(desk: Start, root: Path, tmp_path: Path) -> None:
    long = "So [1]. " + "words " * 300
    answers = ({"when": ["You shorten"], "text": "It was about totals."}, {"text": long})
    it = await open_chat(desk, root, **scripted(tmp_path, *answers), ASSAY_MODELS_M_CONTEXT_TOKENS="4096")
    for number in range(3):
        await it.say(f"What does `total` do, the {number}th time?")
    last = await it.say("What does `total` do, the last time?")
    history = await it.history()
    assert history["summary"] == "It was about totals."
    assert last["context"]["turns"] < 3
    assert len(history["turns"]) == 4


async def test_chat_that_is_switched_off_says_so(desk: Start, root: Path) -> None:
    it = await desk(root, ASSAY_CHAT_ENABLED="off")
    answer = await it.wire.request("assay/chat/create", {})
    assert answer["error"] == {"code": -32803, "message": "Chat is switched off; set chat.enabled to on to use it."}


SENSELESS: list[tuple[str, Any]] = [
    ("turn", None),
    ("turn", {}),
    ("turn", {"conversation": "x"}),
    ("turn", {"conversation": 1, "message": "x"}),
    ("turn", {"conversation": "ID", "message": "x", "selection": 3}),
    ("turn", {"conversation": "ID", "message": "x", "selection": {"start": {"line": -1}, "end": {}}}),
    ("turn", {"conversation": "ID", "message": "x", "diagnostics": [{}]}),
    ("turn", {"conversation": "ID", "message": "x", "terminal": 5}),
    ("turn", [1]),
    ("history", {}),
    ("destroy", {}),
    ("chips", {"prefix": 1}),
    ("apply", {"conversation": "ID", "turn": "1", "block": 0}),
    ("create", {"uri": 3}),
]


async def test_parameters_without_sense_are_the_callers_mistake(desk: Start, root: Path) -> None:
    it = await desk(root)
    begun = await it.wire.result("assay/chat/create", {})
    for method, params in SENSELESS:
        wanted = json.loads(json.dumps(params).replace("ID", begun["conversation"]))
        answer = await it.wire.request(f"assay/chat/{method}", wanted)
        assert answer["error"]["code"] == -32602, (method, params, answer)


# ---- chips


CHIPS: list[tuple[str, dict[str, Any], str, str]] = [
    ("@file:cart.py:1-2 what?", {}, "Sum of all prices in the basket.", ""),
    ("@file:nowhere.py what?", {}, "", "nowhere.py was left out: there is no such file."),
    ("@file:../x.py what?", {}, "", "../x.py was left out: it is outside the workspace."),
    ("@file:.env what?", {}, "", ".env was left out: it looks like a secret."),
    ("@file:hidden.py what?", {}, "", "hidden.py was left out: it is named in .aiignore or .cursorignore."),
    ("what is @symbol:discount?", {}, "def discount(price, percent):", ""),
    ("what is @symbol:nothing?", {}, "", "@symbol:nothing was left out: the index knows no definition of that name."),
    ("what is in @folder:post?", {}, "post/mail.py", ""),
    ("what is in @folder:none?", {}, "", "@folder:none was left out: there is no file in it that may be read."),
    ("letters in the @workspace?", {}, "def deliver(letter):", ""),
    ("why @diagnostics?", {"diagnostics": "one"}, "line 2: error Undefined name (pyright)", ""),
    ("why @diagnostics?", {}, "", "@diagnostics was left out: the editor sent none."),
    ("what is @selection?", {"selection": (5, 7)}, "def discount(price, percent):", ""),
    ("what is @selection?", {}, "", "@selection was left out: nothing is selected."),
    ("what changed in @git?", {}, "+    return round(sum(prices))", ""),
    ("why @terminal?", {"terminal": "x\nNameError: tooth"}, "NameError: tooth", ""),
    ("why @terminal?", {}, "", "@terminal was left out: the editor sent nothing of a terminal."),
    ("see @image:a.png", {}, "", "Images were left out: the model takes none; say in words what they show."),
    ("see this", {"images": [{}]}, "", "Images were left out: the model takes none; say in words what they show."),
]


async def test_each_chip_shows_what_it_names_or_says_why_not(desk: Start, root: Path, address: str) -> None:
    (root / ".env").write_text("X=MARK_OF_ENV\n")
    (root / "hidden.py").write_text("MARK_OF_HIDDEN = 1\n")
    (root / ".aiignore").write_text("hidden.py\n")
    git(root, "init", "-q")
    git(root, "add", "-A", "-f")
    git(root, "commit", "-q", "-m", "first")
    it = await open_chat(desk, root, **served(address, "chips", text="code"))
    uri = it.desk.open("cart.py", CART.replace("sum(prices)", "round(sum(prices))"))
    for message, more, shows, notes in CHIPS:
        given = dict(more)
        if "diagnostics" in given:
            at = {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 3}}
            given["diagnostics"] = [{"range": at, "message": "Undefined name", "severity": 1, "source": "pyright"}]
        if "selection" in given:
            first, end = given["selection"]
            given["selection"] = {"start": {"line": first, "character": 0}, "end": {"line": end, "character": 0}}
        answer = await it.say(message, uri=uri, **given)
        prompt = prompt_of((await seen(address, "chips"))[-1])
        assert notes in answer["context"]["notes"] or not notes, (message, answer["context"]["notes"])
        assert shows in prompt, message
        assert "MARK_OF" not in prompt


async def test_chips_are_completed_and_name_nothing_that_may_not_be_read(desk: Start, root: Path) -> None:
    (root / ".env").write_text("X=1\n")
    it = await open_chat(desk, root)

    async def labels(prefix: str) -> list[str]:
        found = await it.desk.wire.result("assay/chat/chips", {"prefix": prefix})
        return [chip["label"] for chip in found["chips"]]

    assert await labels("@") == [
        *("@file:", "@symbol:", "@folder:", "@workspace", "@diagnostics"),
        *("@selection", "@git", "@terminal", "@image:"),
    ]
    assert await labels("@s") == ["@symbol:", "@selection"]
    assert await labels("@file:ma") == ["@file:post/mail.py"]
    assert await labels("@file:env") == []
    assert await labels("@folder:p") == ["@folder:post"]
    assert await labels("@symbol:disc") == ["@symbol:discount"]


# ---- slash commands and rules


async def test_commands_are_listed_with_those_of_the_workspace(desk: Start, root: Path) -> None:
    prompts = root / ".assay/prompts"
    prompts.mkdir(parents=True)
    (prompts / "naming.md").write_text("# Look at the names\n\nLook at the names in {{selection}}. {{input}}\n")
    (prompts / "evil.md").write_text("{{env}}")
    (prompts / "fix.md").write_text("mine")
    (prompts / "Bad Name.md").write_text("x")
    it = await open_chat(desk, root)
    found = await it.desk.wire.result("assay/chat/commands", {})
    names = [(each["name"], each["custom"]) for each in found["commands"]]
    built_in = ["explain", "fix", "tests", "doc", "review", "search", "commit"]
    assert names == [*((name, False) for name in built_in), ("naming", True)]
    assert found["commands"][-1]["description"] == "Look at the names"
    assert all(each["description"] for each in found["commands"])
    assert sorted(problem.partition(" is not used")[0] for problem in found["problems"]) == [
        f".assay/prompts/{name}.md" for name in ("Bad Name", "evil", "fix")
    ]


async def test_each_command_asks_in_its_own_way(desk: Start, root: Path, address: str) -> None:
    (root / ".assay/prompts").mkdir(parents=True)
    (root / ".assay/prompts/naming.md").write_text("Look at the names in:\n{{selection}}\nBy the rule: {{input}}\n")
    it = await open_chat(desk, root, **served(address, "commands", text="Fine [1]."))
    uri = it.desk.open("cart.py")
    selection = {"start": {"line": 5, "character": 0}, "end": {"line": 7, "character": 4}}

    async def ask(message: str) -> tuple[dict[str, Any], str]:
        answer = await it.say(message, uri=uri, selection=selection)
        return answer, prompt_of((await seen(address, "commands"))[-1])

    for message, wanted in (
        ("/explain briefly", "Explain the code that is selected"),
        ("/tests", "Write tests for the code that is selected"),
        ("/doc", "Write the documentation of the code that is selected"),
        ("/naming be short", "By the rule: be short"),
    ):
        answer, prompt = await ask(message)
        assert answer["command"] == message.split()[0][1:]
        assert wanted in prompt
        assert "def discount(price, percent):" in prompt
    before = len(await seen(address, "commands"))
    answer, _ = await ask("/search letters and addresses")
    assert (answer["reason"], len(await seen(address, "commands"))) == ("searched", before), "no model was asked"
    assert "post/mail.py" in [path for _, path in cited(answer)]
    refused = await it.desk.wire.response(it.start("/nonsense now")[0])
    assert refused["error"]["message"].startswith("There is no command /nonsense; there are /explain, /fix")


async def test_review_and_commit_see_what_changed(desk: Start, root: Path, address: str) -> None:
    it = await open_chat(desk, root, **served(address, "changes", text="Round totals [1]"))
    assert (await it.say("/review"))["text"] == "This is no git repository."
    git(root, "init", "-q")
    git(root, "add", "cart.py", "post")
    git(root, "commit", "-q", "-m", "first")
    assert (await it.say("/commit"))["text"].startswith("Nothing is staged")
    (root / "cart.py").write_text(CART.replace("sum(prices)", "round(sum(prices))"))
    git(root, "add", "cart.py")
    (root / "post/mail.py").write_text(MAIL + "# unstaged\n")
    answer = await it.say("/commit")
    commit = prompt_of((await seen(address, "changes"))[-1])
    assert "+    return round(sum(prices))" in commit
    assert "unstaged" not in commit
    assert answer["text"] == "Round totals [1]"
    review = await it.say("/review the rounding")
    prompt = prompt_of((await seen(address, "changes"))[-1])
    assert "# unstaged" in prompt and "Review these changes" in prompt and "the rounding" in prompt
    assert cited(review) == [(1, "cart.py")]
    assert review["citations"][0]["range"]["start"]["line"] == 2


async def test_a_commit_without_a_model_still_has_a_message(desk: Start, root: Path) -> None:
    git(root, "init", "-q")
    git(root, "add", "cart.py")
    it = await open_chat(desk, root)
    assert (await it.say("/commit"))["text"] == "Add cart.py"


async def test_rules_files_nearest_first_by_their_priority(desk: Start, root: Path, address: str) -> None:
    (root / "CLAUDE.md").write_text("ROOT SECOND\n")
    (root / "AGENTS.md").write_text("ROOT FIRST\n")
    (root / ".github").mkdir()
    (root / ".github/copilot-instructions.md").write_text("ROOT LAST\n")
    (root / "post/.cursorrules").write_text("IN THE POST OFFICE\n")
    it = await open_chat(desk, root, **served(address, "rules", text="So [1]."))
    it.desk.open("post/mail.py")
    answer = await it.say("What does `deliver` do?", uri=it.desk.uri("post/mail.py"))
    assert answer["context"]["rules"] == ["post/.cursorrules", "AGENTS.md"]
    [body] = await seen(address, "rules")
    user = body["messages"][-1]["content"]
    assert user.index("ROOT FIRST") < user.index("IN THE POST OFFICE")
    assert "ROOT SECOND" not in user and "ROOT LAST" not in user
    assert "ROOT" not in body["messages"][0]["content"]
