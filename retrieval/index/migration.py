"""From one embedder to another without a moment of worse search: fill beside, compare, switch or go back.

While it runs, new content gets vectors of the new embedder, old content is found by the old one's, and a search asks
for both. It survives a kill at any moment: what is left to do follows from what the store holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from retrieval.chunking.chunker import chunk_file
from retrieval.index.manifest import Manifest
from retrieval.ports import ChunkStore, Embedder, Sparse, StoreQuery
from workspace.policy import READ_LIMIT
from workspace.secrets import redact

QUERIES = 200
"""Docstrings asked for on each side. The standard error of their mean reciprocal rank is about 0.03, of the paired
difference about a half of that."""
TOLERANCE = 0.02
"""How much lower the new embedder's mean reciprocal rank may be: the noise of the comparison, and no more."""
_DEPTH = 10
_FACT = "migration"
_EMBEDDER = "embedder"
_SAMPLED_FILES = 800
_FEWEST = 10
"""Docstrings below which the comparison says nothing, and the switch is made without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """How a move to another embedder stands. Kept in the manifest."""

    to: str
    """The embedder as a setting names it."""
    state: str = "filling"
    """filling, paused, done, refused (the new one finds less) or failed."""
    before: float | None = None
    """Mean reciprocal rank at 10 of the workspace's docstrings, by the old embedder's vectors alone."""
    after: float | None = None
    """The same by the new one's."""
    problem: str = ""

    @property
    def is_running(self) -> bool:
        return self.state in ("filling", "paused")


def read_migration(manifest: Manifest) -> Migration | None:
    """The last migration that was begun; None when there never was one."""
    text = manifest.fact(_FACT)
    return Migration(**json.loads(text)) if text else None


def keep_migration(manifest: Manifest, migration: Migration | None) -> None:
    manifest.set_fact(_FACT, None if migration is None else json.dumps(asdict(migration)))


def chosen_embedder(manifest: Manifest, setting: str) -> str:
    """What a migration has switched this workspace to, else what the settings say."""
    return manifest.fact(_EMBEDDER) or setting


def choose_embedder(manifest: Manifest, embedder: str) -> None:
    manifest.set_fact(_EMBEDDER, embedder)


async def docstring_quality(store: ChunkStore, embedder: Embedder, sample: Sequence[tuple[str, str]]) -> float:
    """Mean reciprocal rank at 10 of the file that a docstring's first sentence comes from, by vectors alone.

    :param sample: path and sentence, as `docstring_sample` gives them.
    :raises EmbedderError: the embedder does not answer.
    """
    if not sample:
        return 0.0
    vectors = await embedder.embed([sentence for _, sentence in sample], is_query=True)
    ranks: list[float] = []
    for (path, _), vector in zip(sample, vectors, strict=True):
        query = StoreQuery(lexical=Sparse((), ()), dense={embedder.id: vector.tolist()}, limit=_DEPTH)
        found = (await store.search(query)).dense.get(embedder.id, ())
        paths = list(dict.fromkeys(one.chunk.path for one in found))
        ranks.append(1 / (paths.index(path) + 1) if path in paths else 0.0)
    return float(np.mean(ranks))


def docstring_sample(root: Path, manifest_file: Path) -> tuple[tuple[str, str], ...]:
    """Up to QUERIES pairs of path and sentence, from all over the workspace. In a worker process: it parses."""
    manifest = Manifest.open(manifest_file)
    try:
        paths = sorted(manifest.signatures())
    finally:
        manifest.close()
    found: list[tuple[str, str]] = []
    for path in paths[:: max(1, len(paths) // _SAMPLED_FILES)]:
        try:
            with (root / path).open("rb") as file:
                chunks = chunk_file(path, file.read(READ_LIMIT)).chunks
        except OSError:
            continue
        found += [(path, sentence) for chunk in chunks if (sentence := first_sentence(redact(chunk.text)))]
    return tuple(found[:: max(1, len(found) // QUERIES)][:QUERIES])


def first_sentence(text: str) -> str:
    """Of the first documentation in a piece of code: a docstring, a block comment or a run of line comments."""
    match = _DOCUMENTATION.search(text)
    if match is None:
        return ""
    said = re.sub(
        r"^\s*(?:\*|///?|#+|--)?\s?", "", match["doc"] or match["block"] or match["lines"], flags=re.MULTILINE
    )
    sentence = re.split(r"(?<=[.!?])\s|\n\s*\n", said.strip(), maxsplit=1)[0]
    words = " ".join(sentence.split())
    return words if 4 <= len(words.split()) <= 40 else ""


def is_good_enough(before: float, after: float, queries: int) -> bool:
    return queries < _FEWEST or after >= before - TOLERANCE


_MARKS = re.compile(r"^\s*(?:\*|///?|#+|--)?\s?", re.MULTILINE)
_DOCUMENTATION = re.compile(
    r'"""(?P<doc>.{10,600}?)"""|/\*\*?(?P<block>.{10,600}?)\*/|(?P<lines>(?:^[ \t]*(?:///?|#|--)[^\n]*\n){1,6})',
    re.DOTALL | re.MULTILINE,
)
