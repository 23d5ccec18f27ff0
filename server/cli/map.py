"""`assay map`: the files and symbols that the rest of a workspace leans on, within a budget."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from assist.ports import Progress as Tell
from server.cli.answer import Refusal
from server.cli.console import run_to_lines
from server.cli.workspace_index import opened_index, workspace_root
from workspace.errors import OutsideWorkspace
from workspace.root import relative_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", type=Path, help="the workspace's folder")
    parser.add_argument("--focus", metavar="FILE", action="append", default=[], help="lean towards this file")
    parser.add_argument("--tokens", metavar="N", type=int, default=2000, help="the budget (2000)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    return run_to_lines(lambda tell: _run(args, tell), as_json=args.json)


async def _run(args: argparse.Namespace, tell: Tell) -> list[str]:
    if not 50 <= args.tokens <= 1_000_000:
        raise Refusal("--tokens must be from 50 to 1,000,000.")
    try:
        focus = [relative_path(workspace_root(args.path), name) for name in args.focus]
    except OutsideWorkspace as error:
        raise Refusal(str(error)) from error
    async with opened_index(args.path, tell) as client:
        await client.settled()
        text: str = await client.call("map", {"focus": focus, "budget": args.tokens})
    return [json.dumps({"map": text})] if args.json else [text.rstrip("\n") or "There are no symbols here."]
