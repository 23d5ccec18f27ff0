"""`assay eval SUITE`: measured quality. The suites import this package, so they are found by name and not imported."""

from __future__ import annotations

import argparse
from importlib import import_module

_SUITES = ("retrieval", "completion", "repair")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suite", choices=_SUITES, help="what to measure")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments; --help lists them")


def run(args: argparse.Namespace) -> int:
    return int(import_module(f"evals.{args.suite}").main(args.arguments))
