"""`assay search`: the code that a question is about, for people, for machines, and for many questions at once."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assist.ports import Progress as Tell
from retrieval.chunk import Hit
from retrieval.question import Answer, Question
from server.cli.answer import Refusal
from server.cli.console import run_to_lines
from server.cli.workspace_index import opened_index

_PATIENCE = 3.0
"""Seconds that one question waits for vectors: enough for what changed since the last time, and for a small project."""
_SHOWN_LINES = 6  # of each hit, for people


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", type=Path, help="the workspace's folder")
    parser.add_argument("query", metavar="QUERY", nargs="*", help="what to look for, in words or by name")
    parser.add_argument("--queries", metavar="FILE", type=Path, help='many: lines of {"id", "query"}, - for stdin')
    parser.add_argument("-k", metavar="N", type=int, default=10, help="how many hits (10)")
    parser.add_argument("--words", action="store_true", help="do not wait for vectors")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each query")


def run(args: argparse.Namespace) -> int:
    return run_to_lines(lambda tell: _run(args, tell), as_json=args.json or args.queries is not None)


async def _run(args: argparse.Namespace, tell: Tell) -> list[str]:
    text = " ".join(args.query)
    if bool(text.strip()) == bool(args.queries):
        raise Refusal("Give a query, or --queries FILE.")
    if not 1 <= args.k <= 100:
        raise Refusal("-k must be from 1 to 100.")
    asked = list(_queries(args.queries)) if args.queries else [("", text)]
    async with opened_index(args.path, tell) as client:
        await client.settled()
        if not args.words:
            # Many questions at once are a measurement or a report: they want the whole index. One wants an answer.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if args.queries else _PATIENCE):
                    await client.settled(dense=True)
        lines: list[str] = []
        for name, query in asked:
            answer = await client.search(Question(text=query, limit=args.k))
            if args.queries:
                print(json.dumps({"id": name, **_as_json(answer)}), flush=True)
            elif args.json:
                lines.append(json.dumps({"query": query, **_as_json(answer)}))
            else:
                lines += _for_people(answer)
        return lines


def _queries(file: Path) -> Iterator[tuple[Any, str]]:
    import sys

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{file} cannot be read: {error}.") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            yield found["id"], str(found["query"])
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(f'{file}:{number} is no {{"id": …, "query": …}}.') from error


def _as_json(answer: Answer) -> dict[str, Any]:
    return {
        "hits": [
            {
                "path": hit.chunk.path,
                "start_line": hit.chunk.start_line + 1,
                "end_line": hit.chunk.end_line,
                "symbol": hit.chunk.symbol,
                "kind": hit.chunk.kind,
                "score": round(hit.score, 6),
                "reasons": list(hit.reasons),
            }
            for hit in answer.hits
        ],
        "seconds": round(answer.seconds, 6),
        "notes": list(answer.notes),
    }


def _for_people(answer: Answer) -> list[str]:
    lines: list[str] = []
    for hit in answer.hits:
        lines += [_title(hit), *_excerpt(hit), ""]
    lines += [f"note: {note}" for note in answer.notes]
    return lines if answer.hits else [*lines, "Nothing was found."]


def _title(hit: Hit) -> str:
    chunk = hit.chunk
    why = f"  [{', '.join(hit.reasons)}]" if hit.reasons else ""
    return f"{chunk.path}:{chunk.start_line + 1}-{chunk.end_line}  {chunk.symbol}{why}"


def _excerpt(hit: Hit) -> list[str]:
    text = [line for line in hit.chunk.text.split("\n") if line.strip()]
    return [f"    {line.rstrip()[:110]}" for line in text[:_SHOWN_LINES]]
