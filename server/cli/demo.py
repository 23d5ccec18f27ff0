"""`assay demo`: the real server, driven by a real LSP client, fixes a real fault and shows what it saw."""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.text import Text

from assist.ports import Progress
from sandbox.receipt import Grade
from sandbox.store import receipt_from_json
from server.cli.answer import NOT_REACHED, REACHED, Answer, Refusal
from server.cli.console import run_command
from server.cli.editor import Editor, ServerError, path_of
from server.cli.editor import opened as editor_on
from workspace.edit import Edit, FileChange, unified_diff

PROJECT = "roombook"
TEST_FILE = "tests/test_calendar.py"
TEST = "test_an_opening_may_fit_exactly"

_SECONDS = 300.0  # for everything: a loaded machine takes some ten times as long as an idle one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", action="store_true", help="leave the copy of the project behind")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout at the end")


def run(args: argparse.Namespace) -> int:
    return run_command(lambda progress: _demo(args, progress), as_json=args.json)


def example() -> Path:
    """The example project: beside the packages in a checkout, inside this one when installed.

    :raises Refusal: when it is in neither place.
    """
    here = Path(__file__).resolve().parent
    for place in (here / "demo_project" / PROJECT, here.parents[1] / "examples" / PROJECT):
        if (place / TEST_FILE).is_file():
            return place
    raise Refusal("The example project was not installed with Assay; install it again.", code=NOT_REACHED)


async def _demo(args: argparse.Namespace, progress: Progress) -> Answer:
    folder = Path(tempfile.mkdtemp(prefix="assay-demo-"))
    console = Console(stderr=args.json, highlight=False, soft_wrap=True)
    try:
        project = shutil.copytree(
            example(), folder / PROJECT, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache")
        )
        async with asyncio.timeout(_SECONDS):
            return await _Show(project, console, progress).run()
    except ServerError as error:
        raise Refusal(f"The demonstration ended early: {error}", code=NOT_REACHED) from error
    except TimeoutError as error:
        raise Refusal(f"The demonstration was not over after {_SECONDS:.0f} s.", code=NOT_REACHED) from error
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)


class _Show:
    """The steps, each said before it is done."""

    def __init__(self, project: Path, console: Console, progress: Progress) -> None:
        self._project = project
        self._console = console
        self._progress = progress
        self._searched = ""
        self._started = time.monotonic()

    async def run(self) -> Answer:
        self._say(f"A copy of examples/{PROJECT}, a small library that books meeting rooms, is in {self._project}.")
        self._say("Starting the language server, `assay lsp`, as an editor does.")
        async with editor_on(self._project, self._tell) as editor:
            uri = editor.open(self._project / TEST_FILE)
            await self._run_tests(editor, uri)
            result = await self._fix(editor, uri)
            receipt = await self._receipt(editor, result)
        return self._end(editor, result, receipt)

    async def _run_tests(self, editor: Editor, uri: str) -> None:
        lenses = cast(
            "list[dict[str, Any]]", await editor.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
        )
        runs = [lens["command"] for lens in lenses if "run" in str(lens["command"]["title"]).lower()]
        self._say(
            f"The editor opened {TEST_FILE}; Assay put {len(lenses)} lenses on its tests. Running them in gVisor:"
        )
        command: dict[str, Any] = {"command": "assay.runTest", "arguments": [{"uri": uri, "test": TEST_FILE}]}
        if not runs:
            raise ServerError("the server offered to run no test")
        result = cast("dict[str, Any]", await editor.request("workspace/executeCommand", command))
        self._say(f"  {result['reason']}")
        for found in editor.diagnostics.get(uri, ()):
            line = int(found["range"]["start"]["line"])
            self._console.print(Text(f"  {TEST_FILE}:{line + 1}: {_first_line(str(found['message']))}", style="red"))
            self._console.print(Text("  | " + editor.documents[uri].split("\n")[line].strip(), style="dim"))

    async def _fix(self, editor: Editor, uri: str) -> dict[str, Any]:
        text = editor.documents[uri].split("\n")
        line = next(number for number, content in enumerate(text) if f"def {TEST}(" in content)
        spot = {"line": line, "character": 6}
        params: dict[str, Any] = {
            "textDocument": {"uri": uri},
            "range": {"start": spot, "end": spot},
            "context": {"diagnostics": editor.diagnostics.get(uri, [])},
        }
        asked = time.monotonic()
        actions = cast("list[dict[str, Any]]", await editor.request("textDocument/codeAction", params))
        took = 1000 * (time.monotonic() - asked)
        wanted = [action for action in actions if TEST in str(action["title"])]
        if not wanted:
            raise ServerError("the server offered nothing for the failing test")
        self._say(f"Code actions on {TEST}, after {took:.0f} ms: {', '.join(str(each['title']) for each in actions)}.")
        self._say(f"Choosing “{wanted[0]['title']}”. No model is configured, so Assay searches:")
        command = wanted[0]["command"]
        params = {"command": command["command"], "arguments": command["arguments"]}
        result = cast("dict[str, Any]", await editor.request("workspace/executeCommand", params))
        if self._searched:
            self._say(f"  {self._searched}")
        self._say(f"  {result['reason']}")
        return result

    async def _receipt(self, editor: Editor, result: dict[str, Any]) -> dict[str, Any] | None:
        if not result.get("receipt"):
            return None
        return cast("dict[str, Any]", await editor.request("assay/receipt", {"id": result["receipt"]}))

    def _end(self, editor: Editor, result: dict[str, Any], receipt: dict[str, Any] | None) -> Answer:
        diff = self._applied(editor)
        if diff:
            self._say("The editor applied the edit that the server sent:")
        kept = receipt_from_json(receipt) if receipt is not None else None
        lines = (
            [f"{step.name:<14} {step.status:<8} {step.seconds:6.2f} s  {step.detail}" for step in kept.steps]
            if kept
            else []
        )
        seconds = time.monotonic() - self._started
        reached = result["grade"] == Grade.VERIFIED and bool(diff) and kept is not None
        if reached:
            lines.append(f"Done in {seconds:.0f} s. Now yours: assay fix PATH --test ID")
        return Answer(
            grade=str(result["grade"]),
            reason=str(result["reason"]),
            code=REACHED if reached else NOT_REACHED,
            receipt=kept,
            diff=diff,
            seconds=seconds,
            candidates=1 if kept else 0,
            lines=lines,
        )

    def _applied(self, editor: Editor) -> str:
        """What the server's edit changed, as the editor has it."""
        changes: list[FileChange] = []
        for uri in dict.fromkeys(editor.applied):
            path = path_of(uri)
            after = editor.documents[uri].encode()
            relative = path.relative_to(self._project).as_posix()
            changes.append(FileChange(path=relative, before=path.read_bytes(), after=after))
            path.write_bytes(after)
        return unified_diff(Edit(changes=tuple(changes)))

    def _tell(self, text: str) -> None:
        """Pass progress on, and keep how the search ended."""
        found = re.search(r"tried \d+ small changes in .*", text)
        self._searched = found.group() if found else self._searched
        self._progress(text)

    def _say(self, text: str) -> None:
        self._console.print(Text(text))


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    told = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
    line = (told or lines or [""])[0]
    return line if len(line) <= 120 else line[:119] + "…"
