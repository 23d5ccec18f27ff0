"""How well a path and the names that a chunk defines match the words of a question."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from retrieval.chunk import Chunk
from retrieval.lexical import terms
from retrieval.lexical.synonyms import SYNONYMS
from retrieval.rank.question import Question

_SHORTEST_PREFIX = 4
"""Characters: `config` in a path matches `configuration` in a question and the other way round; `con` does not."""


class Matcher:
    """Matches of one question's words, each looked up once."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._count = max(1, len(question.stems))
        self._masks = {stem: 1 << bit for bit, stem in enumerate(question.stems)}
        self._by_prefix: dict[str, list[str]] = {}
        for stem in question.stems:
            if len(stem) >= _SHORTEST_PREFIX:
                self._by_prefix.setdefault(stem[:_SHORTEST_PREFIX], []).append(stem)
        self._bits = dict(self._masks)
        for stem, bit in self._bits.items():
            for other in SYNONYMS.get(stem, ()):
                self._masks[other] = self._masks.get(other, 0) | bit

    def mask(self, word: str) -> int:
        """Bits of the question's stems that this stem matches."""
        found = self._masks.get(word)
        if found is None:
            found = 0
            for stem in self._by_prefix.get(word[:_SHORTEST_PREFIX], ()):
                if stem.startswith(word) or word.startswith(stem):
                    found |= self._bits[stem]
            self._masks[word] = found
        return found

    def paths(self, paths: Iterable[str], folder_weight: float) -> dict[str, float]:
        """0 to 1 by path: the part of the question's words that the file's stem (or, for less, its folder) has."""
        masks = {path: self._path_masks(path) for path in paths}
        return {
            path: (stem.bit_count() + folder_weight * folder.bit_count()) / self._count
            for path, (stem, folder) in masks.items()
        }

    def on_path(self, path: str) -> bool:
        return any(self._path_masks(path))

    def _path_masks(self, path: str) -> tuple[int, int]:
        """The question's words in the file's stem, and those that only its folder has."""
        stem_words, folder_words = path_words(path)
        in_stem = in_folder = 0
        for word in stem_words:
            in_stem |= self.mask(word)
        for word in folder_words:
            in_folder |= self.mask(word)
        return in_stem, in_folder & ~in_stem

    def names(self, chunk: Chunk) -> float:
        """0 to 1: the cosine between the question's words and those of the best matching name that it defines."""
        best = 0.0
        mask = self.mask
        for words in names_words(chunk.names):
            matched = hits = 0
            for word in words:
                if found := mask(word):
                    matched |= found
                    hits += 1
            if hits:
                best = max(best, hits * matched.bit_count() / len(words))
        return (best / self._count) ** 0.5


def defined_symbol(question: Question, chunk: Chunk) -> int:
    """2 when the chunk defines a symbol that the question names, in the file or the scope that fits; 1 elsewhere.

    0 when it defines none. A file fits that is called like the symbol or like what the question qualifies it with.
    """
    for name in chunk.names:
        if name in question.symbols:
            fits = _is_called_like(chunk.path, name)
            for qualifier in question.qualifiers:
                fits = fits or qualifier in chunk.symbol or qualifier in chunk.scope
                fits = fits or _is_called_like(chunk.path, qualifier)
            return 2 if fits else 1
    return 0


@lru_cache(maxsize=65_536)
def path_words(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The stems of a file's own name without its extensions, and those of the folder it is in."""
    folders, _, name = path.rpartition("/")
    stem = name.partition(".")[0] or name
    folder = folders.rpartition("/")[2]
    return _stems(stem), _stems(folder)


@lru_cache(maxsize=65_536)
def names_words(names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The stems of each name, without names that have none."""
    return tuple([words for name in names if (words := terms.stems(name) or _whole(name))])


def _stems(text: str) -> tuple[str, ...]:
    return tuple([stem for word in terms.raw_words(text) for stem in terms.stems(word) or _whole(word)])


def _whole(name: str) -> tuple[str, ...]:
    """`vif` for `vIf`: the name, when each of its parts is too common to match by."""
    whole = terms.compound(name)
    return (whole,) if whole else ()


def _is_called_like(path: str, name: str) -> bool:
    stem = path.rpartition("/")[2].partition(".")[0].replace("_", "").replace("-", "").lower()
    plain = name.replace("_", "").lower()
    return bool(stem) and (stem == plain or stem.rstrip("s") == plain)
