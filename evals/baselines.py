"""What Assay is compared with: counting words as grep does, BM25 over plain words, and semble's own ranking."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evals.metrics import Place
from evals.suites import Suite
from retrieval.chunk import Chunk
from retrieval.lexical import terms
from retrieval.ports import Sparse

K1 = 1.5
B = 0.75
"""Of plain BM25: the textbook's values."""
SEMBLE_SCRIPT = Path(__file__).with_name("semble_search.py")

_PLAIN_WORD = re.compile(r"\w+")
_SHORTEST_GREPPED = 3


class Keywords:
    """Chunks by how many of a question's words they contain, then by how often; substrings count, case does not."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._texts = [f"{chunk.path}\n{chunk.text}".lower() for chunk in chunks]
        self._counts: dict[str, np.ndarray] = {}

    def best(self, question: str, depth: int) -> list[int]:
        """Positions of the best chunks, best first."""
        words = {word.lower() for word in _PLAIN_WORD.findall(question)}
        wanted = sorted(word for word in words if len(word) >= _SHORTEST_GREPPED and word not in terms.STOP_WORDS)
        distinct = np.zeros(len(self._texts))
        total = np.zeros(len(self._texts))
        for word in wanted:
            counts = self._counts.get(word)
            if counts is None:
                counts = self._counts[word] = np.array([text.count(word) for text in self._texts])
            distinct += counts > 0
            total += counts
        score = distinct + total / (1 + total.max(initial=0))
        order = np.argsort(-score, kind="stable")[:depth]
        return [int(place) for place in order if score[place] > 0]


def encode_plain(chunk: Chunk, average: float) -> Sparse:
    """BM25 over lower-case words as they stand, nothing split, stemmed or left out; with the path's words.

    :param average: words of a usual chunk.
    """
    counts = Counter(word.lower() for word in _PLAIN_WORD.findall(f"{chunk.path} {chunk.text}"))
    norm = K1 * (1 - B + B * counts.total() / average)
    weights = {terms.term_id(word): count * (K1 + 1) / (count + norm) for word, count in counts.items()}
    indices = tuple(sorted(weights))
    return Sparse(indices, tuple(weights[index] for index in indices))


def encode_plain_query(text: str) -> Sparse:
    counts = Counter(terms.term_id(word.lower()) for word in _PLAIN_WORD.findall(text))
    indices = tuple(sorted(counts))
    return Sparse(indices, tuple(float(counts[index]) for index in indices))


def semble(suite: Suite, python: Path, depth: int) -> list[list[Place]]:
    """What semble finds with its own chunks, BM25 and ranking; its model is fetched from a hub and is left out.

    :param python: an interpreter that has semble.
    :raises subprocess.CalledProcessError: when it fails.
    """
    request = {"files": dict(suite.files), "queries": [query.text for query in suite.queries], "depth": depth}
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "request.json"), Path(folder, "result.json")
        source.write_text(json.dumps(request))
        subprocess.run([str(python), str(SEMBLE_SCRIPT), str(source), str(result)], check=True)
        answers: list[list[tuple[str, int, int]]] = json.loads(result.read_text())
    return [[Place(path=path, start_line=start, end_line=end) for path, start, end in hits] for hits in answers]
