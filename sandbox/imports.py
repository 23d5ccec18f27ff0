"""Which test files import a changed file, however far: the fallback where no function of it can be traced."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath


def importers(changed: Collection[str], sources: Mapping[str, bytes]) -> frozenset[str]:
    """Paths in `sources` from which a changed file can be reached over import statements.

    Modules are matched by the end of their dotted name, so that neither the root nor a src folder matters;
    this may take one module for another of the same name, never miss one that is imported by its name.
    """
    names = {path: _module(path) for path in sources}
    imported = {path: _imports(source, path) for path, source in sources.items()}
    reached = {path for path in changed if path in sources} | set(changed)
    targets = {_module(path) for path in reached}
    while True:
        more = {path for path, wanted in imported.items() if path not in reached and _meets(wanted, targets)}
        if not more:
            return frozenset(reached)
        reached |= more
        targets |= {names[path] for path in more}


def _module(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).with_suffix("").parts
    parts = parts[1:] if len(parts) > 1 and parts[0] in ("src", "lib") else parts
    return parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts


def _imports(source: bytes, path: str) -> frozenset[tuple[str, ...]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset()
    found: set[tuple[str, ...]] = set()
    here = _module(path) if path.endswith("__init__.py") else _module(path)[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {tuple(name.name.split(".")) for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = (here[: len(here) - node.level + 1] if node.level else ()) + tuple((node.module or "").split("."))
            base = tuple(part for part in base if part)
            found.add(base)
            found |= {(*base, name.name) for name in node.names}
    return frozenset(name[:length] for name in found for length in range(1, len(name) + 1))  # a package is run, too


def _meets(wanted: Collection[tuple[str, ...]], targets: Collection[tuple[str, ...]]) -> bool:
    return any(
        name and (target[-len(name) :] == name or name[-len(target) :] == target)
        for name in wanted
        for target in targets
    )
