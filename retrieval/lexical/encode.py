"""Chunks and questions as BM25 vectors, for an engine that multiplies with the inverse document frequency itself.

A chunk's values are BM25's saturated term frequencies, a question's are how often it says a term (Robertson and
Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009, sections 3.4 and 3.6 for fields). The inner
product, with each term's IDF, is BM25.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from retrieval.chunk import Chunk
from retrieval.lexical import terms
from retrieval.lexical.synonyms import SYNONYMS
from retrieval.ports import Sparse

SATURATION = 2.0
"""BM25's k1: what a second and third occurrence of a term still count. Flat from 1.5 to 3; 1 loses 0.01."""
LENGTH_NORMALISATION = 0.75
"""BM25's b: 1 would punish a long chunk in full, 0 not at all. Flat from 0.3 to 0.9, since chunks are of one size."""
AVERAGE_LENGTH = 150.0
"""Terms in a usual chunk. A constant, so that a chunk's vector does not depend on which other chunks exist; flat from
75 to 200."""
STEM_WEIGHT = 2
"""How often each word of the file's own name counts as said."""
FOLDER_WEIGHT = 1
"""How often each word of the folders counts as said."""
SYMBOL_WEIGHT = 2
"""How often each word of the qualified name counts as said, besides its place in the text."""
NAME_WEIGHT = 1
"""The same for the names of all definitions of a chunk: what a function is called says most about it."""

SYNONYM_WEIGHT = 0.3
"""Of a word that was not said but means the same to programmers, against 1 for one that was. 0.5 is no better."""

_MOST_REMEMBERED = 1 << 16
"""Identifiers; some 20 MB when full, which takes a repository of 18 MB."""


class _TermIds(dict[str, tuple[int, ...]]):
    """Identifier to the indices of its terms, filled on demand."""

    def __missing__(self, identifier: str) -> tuple[int, ...]:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        found = self[identifier] = tuple([terms.term_id(term) for term in terms.terms(identifier)])
        return found


_ids = _TermIds()


def encode_chunk(chunk: Chunk) -> Sparse:
    """A chunk's lexical vector: its text, and the words of its path and of what it defines."""
    counts: dict[int, float] = {}
    length = 0
    # Count words first, in C: a chunk says 200 words, 70 of them different, and each has several terms.
    for word, said in Counter(terms.raw_words(chunk.text)).items():
        found = _ids[word]
        length += said * len(found)
        for index in found:
            counts[index] = counts.get(index, 0) + said
    path = chunk.path if chunk.source == "workspace" else chunk.path.partition(":")[2]
    for index, weight in _path_ids(path):
        counts[index] = counts.get(index, 0) + weight
    for word in terms.raw_words(chunk.symbol):
        for index in _ids[word]:
            counts[index] = counts.get(index, 0) + SYMBOL_WEIGHT
    for name in chunk.names:
        for index in _ids[name]:
            counts[index] = counts.get(index, 0) + NAME_WEIGHT
    norm = SATURATION * (1 - LENGTH_NORMALISATION + LENGTH_NORMALISATION * length / AVERAGE_LENGTH)
    indices = tuple(sorted(counts))
    gain = SATURATION + 1
    return Sparse(indices, tuple([gain * (n := counts[index]) / (n + norm) for index in indices]))


def encode_query(text: str) -> Sparse:
    """A question's lexical vector: its terms, and faintly what programs call the same. Its first 1,000 characters."""
    text = text[: terms.LONGEST_QUESTION]
    said = Counter(term for word in terms.raw_words(text) for term in terms.terms(word))
    said.update(whole for name in terms.hyphenated(text) if (whole := terms.compound(name)))
    counts: Counter[int] = Counter()
    for term, count in said.items():
        counts[terms.term_id(term)] += count
    meant = {other for term in said for other in SYNONYMS.get(term, ()) if other not in said}
    weights = dict.fromkeys(map(terms.term_id, meant), SYNONYM_WEIGHT) | {
        index: float(n) for index, n in counts.items()
    }
    indices = tuple(sorted(weights))
    return Sparse(indices, tuple([weights[index] for index in indices]))


@lru_cache(maxsize=16_384)
def _path_ids(path: str) -> tuple[tuple[int, int], ...]:
    """Indices of the path's terms, with how often each counts."""
    folders, _, name = path.rpartition("/")
    counts: Counter[int] = Counter()
    for text, weight in ((folders, FOLDER_WEIGHT), (name, STEM_WEIGHT)):
        for word in terms.raw_words(text):
            for index in _ids[word]:
                counts[index] += weight
    return tuple(counts.items())
