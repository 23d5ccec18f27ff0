"""The console script: `assay COMMAND …`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import NoReturn

_COMMANDS = {
    "lsp": "run the language server",
    "fix": "find an edit that makes a test pass or a problem go away, tested in the sandbox",
    "verify": "say what a patch proves",
    "run": "run a project's tests in the sandbox",
    "receipt": "show a receipt",
    "index": "make a workspace's index and say how it is",
    "search": "find the code that a question is about",
    "map": "show the files and symbols that matter most",
    "triton": "run a Triton Inference Server of your own: up, status, down, logs",
    "eval": "measure quality, as the reports in evals/reports do",
    "doctor": "check each part with a real run",
    "demo": "watch an edit arrive tested",
}


_READER_GONE = 141  # 128 + SIGPIPE, as shells say it


class _Parser(argparse.ArgumentParser):
    """Who asked for JSON gets JSON, also when the arguments make no sense."""

    as_json = False

    def error(self, message: str) -> NoReturn:
        if not _Parser.as_json:
            super().error(message)
        from server.cli.answer import Refusal, give, refused  # rich is heavy, and the language server needs none

        self.exit(give(refused(Refusal(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.")), as_json=True))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; 2 for arguments that make no sense.

    Only the command asked for is imported: starting the language server must not pay for the others.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    _Parser.as_json = "--json" in words
    parser = _Parser(prog="assay", description="Edits that arrive tested.")
    parser.add_argument("--version", action="version", version=f"assay {version('assay')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for name, summary in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == chosen:
            module = import_module(f"server.cli.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    arguments = parser.parse_args(words)
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read along, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    return code
