"""`assay index`: make or renew a workspace's index, watch it, say how it is, or take it to another embedder."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

from assist.ports import Progress as Tell
from retrieval.host.client import IndexClient
from retrieval.host.wire import converter
from retrieval.index.progress import Progress
from server.cli.answer import Refusal
from server.cli.console import run_to_lines
from server.cli.opening import settings_for
from server.cli.workspace_index import opened_index, shown, workspace_root
from server.indexing import index_place

_POLL = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = """assay index PATH [--watch] [--words] [--rebuild] [--json]
       assay index status PATH [--json]
       assay index migrate PATH (--to EMBEDDER | --pause | --resume | --rollback) [--json]"""
    parser.add_argument("words", metavar="PATH", nargs="+", help="the workspace's folder, after `status` or `migrate`")
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--to", metavar="EMBEDDER", help="move to it: `local`, or `onnx:FOLDER`")
    for action in ("pause", "resume", "rollback"):
        change.add_argument(f"--{action}", dest="action", action="store_const", const=action, help=f"{action} a move")
    parser.add_argument("--watch", action="store_true", help="stay and keep the index fresh until Ctrl+C")
    parser.add_argument("--words", dest="lexical", action="store_true", help="do not wait for vectors")
    parser.add_argument("--rebuild", action="store_true", help="throw the index away first")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each state")


def run(args: argparse.Namespace) -> int:
    return run_to_lines(lambda tell: _run(args, tell), as_json=args.json)


async def _run(args: argparse.Namespace, tell: Tell) -> list[str]:
    action, path = (args.words[0], args.words[1]) if len(args.words) == 2 else ("", args.words[0])
    if len(args.words) > 2 or action not in ("", "status", "migrate"):
        raise Refusal(f"There is no `assay index {' '.join(args.words)}`; see assay index --help.")
    if (action == "migrate") != bool(args.to or args.action):
        raise Refusal("`assay index migrate PATH` wants one of --to EMBEDDER, --pause, --resume and --rollback.")
    if args.rebuild:
        _forget(Path(path), tell)
    async with opened_index(Path(path), tell) as client:
        if action == "status":
            return await _status(client, args.json)
        if action == "migrate":
            return await _migrate(client, args, tell)
        progress = await client.settled(dense=not args.lexical)
        if args.watch:
            await _watch(client, args.json)
        return [_line(progress, args.json)]


def _forget(path: Path, tell: Tell) -> None:
    from retrieval.host.place import forget, owned

    root = workspace_root(path)
    place = index_place(root, settings_for(root, tell).index, os.environ)
    lock = owned(place)
    if lock is None:
        raise Refusal("The index is open in an editor or another command; close that first.", code=1)
    with lock:
        forget(place)


async def _status(client: IndexClient, as_json: bool) -> list[str]:
    status: dict[str, Any] = await client.call("status")
    if as_json:
        return [json.dumps(status)]
    progress = converter.structure(status["progress"], Progress)
    lines = [shown(progress)]
    lines += [f"  {count:>7,} {language}" for language, count in status["languages"].items() if language]
    lines += [f"left out: {count:,}: {reason}" for reason, count in progress.skipped.items()]
    lines += [f"cut by lines: {path}: {problem}" for path, problem in status["problems"].items()]
    return lines


async def _migrate(client: IndexClient, args: argparse.Namespace, tell: Tell) -> list[str]:
    """Follow a move to its end; Ctrl+C leaves it to go on with the next window or command."""
    said: dict[str, Any] | None = await client.call("migrate", {"to": args.to} if args.to else {"action": args.action})
    while said is not None and said["state"] == "filling":
        await asyncio.sleep(_POLL)
        said = (await client.call("status"))["migration"]
        tell(f"{shown(client.progress)}, with {args.to or 'the new embedder'}")
    if args.json:
        return [json.dumps({"migration": said})]
    if said is None:
        return ["Rolled back: the old embedder is in use."]
    compared = (
        "" if said["after"] is None else f" (docstrings found: {said['before']:.3f} before, {said['after']:.3f} now)"
    )
    endings = {
        "done": f"Moved to {said['to']}{compared}.",
        "refused": f"Not moved: {said['to']} finds less{compared}; the old embedder is in use.",
        "paused": "Paused; --resume goes on.",
    }
    if said["state"] == "failed":
        raise Refusal(f"Not moved: {said['problem']}. The old embedder is in use.", code=1)
    return [endings[said["state"]]]


async def _watch(client: IndexClient, as_json: bool) -> None:
    last = ""
    while True:
        line = _line(client.progress, as_json)
        if line != last and client.pid:
            print(line, flush=True)
            last = line
        await asyncio.sleep(0.2)


def _line(progress: Progress, as_json: bool) -> str:
    return json.dumps(converter.unstructure(progress)) if as_json else shown(progress)
