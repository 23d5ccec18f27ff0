"""`assay triton`: a Triton Inference Server of one's own, beside the editor."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from assist.ports import Progress as Tell
from inference.tritonserver.errors import TritonError
from inference.tritonserver.place import Place, Plan, State
from inference.tritonserver.service import CODE_MODEL, down, last_lines, models_of, new_lines, status, up
from server.cli.answer import NOT_REACHED, Refusal
from server.cli.console import run_to_lines
from server.configuration import cache_folder, state_folder

_ACTIONS = ("up", "status", "down", "logs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = """assay triton up [--model-dir DIR] [--no-embedder] [--port PORT] [--foreground] [--json]
       assay triton status [--json]
       assay triton down
       assay triton logs [-f]"""
    parser.add_argument("action", choices=_ACTIONS, metavar="ACTION", help="up, status, down, or logs")
    parser.add_argument("--model-dir", metavar="DIR", type=Path, help="serve the causal model in this folder as well")
    parser.add_argument(
        "--embedder", action=argparse.BooleanOptionalAction, default=True, help="serve the embedder (the default)"
    )
    parser.add_argument("--port", type=int, default=0, help="for gRPC; else the one of last time, or a free one")
    parser.add_argument("--foreground", action="store_true", help="show the log, and stop with Ctrl+C")
    parser.add_argument("-f", "--follow", action="store_true", help="logs: go on as more is written")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    return run_to_lines(lambda tell: _run(args, tell), as_json=args.json)


async def _run(args: argparse.Namespace, tell: Tell) -> list[str]:
    place = Place(folder=state_folder(os.environ).absolute() / "triton")
    try:
        if args.action == "up":
            return await _up(place, args, tell)
        if args.action == "status":
            return await _status(place, args.json)
        if args.action == "down":
            tell("stopping Triton")
            return ["Triton is stopped." if await down(place) else "Triton was not running."]
        return await _logs(place, follow=args.follow)
    except TritonError as error:
        raise Refusal(str(error), code=NOT_REACHED) from error


async def _up(place: Place, args: argparse.Namespace, tell: Tell) -> list[str]:
    plan = _plan(args)
    was_running = place.is_supervised()
    state = await up(place, plan, tell)
    found = [json.dumps(asdict(state))] if args.json else _up_lines(state, was_running)
    if not args.foreground:
        return found
    for line in found:
        print(line, flush=True)
    try:
        async for line in new_lines(place):
            print(line, flush=True)
    finally:
        await asyncio.shield(down(place))
    raise Refusal(f"Triton ended; its log is {place.log}.", code=NOT_REACHED)


def _plan(args: argparse.Namespace) -> Plan:
    folder = ""
    if args.model_dir is not None:
        folder = str(args.model_dir.resolve())
        if not (args.model_dir / "config.json").is_file():
            raise Refusal(f"{folder} holds no model: there is no config.json. Name a Hugging Face model's folder.")
    if not 0 <= args.port <= 65_535:
        raise Refusal("--port must be from 1 to 65535, or 0 for a free one.")
    models = models_of(embedder=args.embedder, code=bool(folder))
    if not models:
        raise Refusal("There is nothing to serve: give --model-dir, or leave --no-embedder away.")
    installation = os.environ.get("ASSAY_TRITON") or str(cache_folder(os.environ) / "triton")
    return Plan(
        installation=str(Path(installation).absolute()),
        models=models,
        grpc_port=args.port,
        embedder_dir=str(_weights()),
        model_dir=folder,
    )


def _weights() -> Path:
    """Of the embedder, without loading it."""
    spec = find_spec("retrieval.embedding")
    if spec is None or not spec.submodule_search_locations:
        raise Refusal("The embedder's files are missing; install Assay anew.")
    return Path(spec.submodule_search_locations[0]) / "minilm-l6-v2-int8"


def _up_lines(state: State, was_running: bool) -> list[str]:
    models = " and ".join(state.models)
    said = "is running already" if was_running else "is running"
    return [f"Triton {said}: {models} at grpc://127.0.0.1:{state.grpc}, metrics at port {state.metrics}.",
            "To use it, put this into your settings (docs/settings.md):", "", *settings_for(state)]  # fmt: skip


def settings_for(state: State) -> list[str]:
    """Lines of the user's settings, in TOML, that point Assay at this server."""
    lines: list[str] = []
    for model in state.models:
        address = [f'url = "grpc://127.0.0.1:{state.grpc}"', f'model = "{model}"']
        if model == CODE_MODEL:
            tokenizer = json.dumps(state.model_dir)  # TOML's basic strings are escaped as JSON's
            family = '# family = "qwen-coder"  # the model\'s form of fill-in-the-middle, by its name in docs/fim.md'
            lines += ["[models.code]", 'backend = "triton"', *address, f"tokenizer = {tokenizer}", family, ""]
        else:
            lines += ["[models.vectors]", 'backend = "triton"', *address, 'roles = ["embed"]', ""]
            lines += ["[index]", 'embedder = "vectors"', ""]
    return lines[:-1]


async def _status(place: Place, as_json: bool) -> list[str]:
    state, problems = await status(place)
    if as_json:
        values = asdict(state) if state else {"phase": "stopped"}
        return [json.dumps({**values, "answering": {model: not problem for model, problem in problems.items()}})]
    if state is None:
        return ["Triton is not running; start it with assay triton up."]
    if state.phase != "running":
        return [f"Triton is {state.phase}. {state.problem}".rstrip()]
    lines = [
        f"Triton has been running for {_span(time.time() - state.started)}: process {state.server}, "
        f"grpc://127.0.0.1:{state.grpc}, HTTP {state.http}, metrics {state.metrics}"
    ]
    lines += [f"  {model}: {problem or 'answers'}" for model, problem in problems.items()]
    if state.restarts or state.repairs:
        lines.append(f"  started anew {state.restarts} times, models loaded anew {state.repairs}: {state.problem}")
    return lines


async def _logs(place: Place, *, follow: bool) -> list[str]:
    lines = last_lines(place)
    if not follow:
        return lines or ["There is no log; Triton was not started yet."]
    for line in lines:
        print(line, flush=True)
    async for line in new_lines(place):
        print(line, flush=True)
    return ["Triton is not running."]


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(max(0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
