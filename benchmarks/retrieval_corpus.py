"""Workspaces of a known size, made of the Python files of this installation, and what is asked about them."""

from __future__ import annotations

import hashlib
import keyword
import random
import re
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_LARGEST = 64 << 10
_MEAN = 6_400
"""Bytes of a file, as in the source distribution of Django 5.2: 2,800 files of 18 MB."""
_WORD = re.compile(r"[A-Za-z]{5,}")
_DOCSTRING = re.compile(r'"""([A-Z][^"\n]{20,90})')
_DEFINITION = re.compile(r"^\s*(?:def|class) ([A-Za-z]\w{5,})", re.MULTILINE)
_NEIGHBOURS = 64
"""Words of alike frequency among which a copy exchanges them: its frequencies stay those of code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    files: dict[str, str]
    """Path to text."""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(len(text.encode()) for text in self.files.values())

    def write(self, root: Path) -> Path:
        for name, text in self.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return root.resolve()


def python_files(count: int) -> Corpus:
    """So many files of the standard library and of the installed packages, the same ones on the same installation."""
    stdlib, packages = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib"))
    found = [(f"lib/{name}", stdlib / name) for name in _names(stdlib) if "site-packages" not in name]
    found += [(f"packages/{name}", packages / name) for name in _names(packages)]
    found.sort(key=lambda item: hashlib.blake2b(item[0].encode()).digest())
    files: dict[str, str] = {}
    total = 0
    for name, file in found:
        if len(files) >= count:
            break
        if (size := file.stat().st_size) > _LARGEST or not size or total + size > _MEAN * (len(files) + 1) + _LARGEST:
            continue
        try:
            files[name] = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        total += size
    return Corpus(files=files)


def copies(corpus: Corpus, count: int) -> Iterator[Corpus]:
    """The corpus, and after it copies in which words of alike frequency have changed places: other code, as common."""
    frequencies = Counter(word for text in corpus.files.values() for word in _WORD.findall(text))
    words = [word for word, _ in sorted(frequencies.items(), key=lambda item: (-item[1], item[0]))]
    words = [word for word in words if not keyword.iskeyword(word)]
    for number in range(count):
        chance = random.Random(number)
        table: dict[str, str] = {}
        for start in range(0, len(words) if number else 0, _NEIGHBOURS):
            block = words[start : start + _NEIGHBOURS]
            table.update(zip(block, chance.sample(block, len(block)), strict=True))
        yield Corpus(
            files={
                f"copy{number}/{name}": _WORD.sub(lambda match: table.get(match[0], match[0]), text)  # noqa: B023
                for name, text in corpus.files.items()
            }
        )


def small_files(root: Path, count: int, *, start: int = 0) -> Path:
    """Write generated modules of some ten lines, a hundred in a folder; returns the resolved root."""
    for number in range(start, count):
        folder = root / f"part{number // 100:04d}"
        if number % 100 == 0 or number == start:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"module{number:06d}.py").write_text(_small(number))
    return root.resolve()


def small_symbol(number: int) -> str:
    """A name that only this generated file defines."""
    return f"settle_{_spelled(number)}_invoice"


def questions(files: Sequence[str], count: int) -> list[str]:
    """Different ones, half of them sentences of docstrings and half names of definitions, of the given texts."""
    chance = random.Random(11)
    texts = chance.sample(list(files), min(len(files), count * 8))
    sentences = list(dict.fromkeys(found[1].strip() for text in texts if (found := _DOCSTRING.search(text))))
    names = list(dict.fromkeys(found[1] for text in texts if (found := _DEFINITION.search(text))))
    asked = sentences[: count // 2]
    asked += names[: count - len(asked)]
    chance.shuffle(asked)
    return asked


def _names(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*.py") if file.is_file()]


def _spelled(number: int) -> str:
    """The number in letters, since digits are cut off from words."""
    letters = "bcdfghjklm"
    return "".join(letters[int(digit)] + "aeiou"[int(digit) % 5] for digit in f"{number:06d}")


def _small(number: int) -> str:
    word = _spelled(number)
    return (
        f'"""Invoices of the {word} department."""\n\n'
        "from decimal import Decimal\n\n\n"
        f"def {small_symbol(number)}(amount: Decimal, rate: Decimal) -> Decimal:\n"
        f'    """What is due to {word} after tax."""\n'
        "    if amount < 0:\n"
        f'        raise ValueError("no negative amounts in {word}")\n'
        f"    return amount * (1 + rate) + {number}\n"
    )
