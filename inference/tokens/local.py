"""A model's tokenizer from its own `tokenizer.json`. Only this module of the package imports `tokenizers`."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# The library's types are partial; what is taken from it is checked here.

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from inference.tokens.counter import TokenCounter

if TYPE_CHECKING:
    from tokenizers import Tokenizer as _Tokenizer

_MAX_FILE = 64 << 20  # bytes; the largest of known models, Gemma's, has 33 MB

# Where no token spans, by how a tokenizer cuts text into words before it makes tokens; the first that holds is taken.
_CUTS = (
    re.compile(r"(?<=\n)(?=[^\S\r\n]*\S)"),  # a run of white space ends behind its last line break: Llama 3, Qwen
    re.compile(r"(?<=\S)(?=\r?\n)"),  # signs take no line breaks: GPT-2, StarCoder, DeepSeek-Coder
    re.compile(r"(?<=\n)(?=\S)"),
    re.compile(r"(?<=\S\n)(?=\S)"),
)


class LocalTokenizer:
    """Text to token ids and back, in this process.

    :raises ValueError: when the file is missing, too large, or no tokenizer.
    """

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer  # 30 ms

        try:
            if file.stat().st_size > _MAX_FILE:
                raise ValueError(f"{file} is larger than {_MAX_FILE >> 20} MB; no tokenizer is.")
            content = file.read_bytes()
        except OSError as error:
            raise ValueError(f"The tokenizer {file} cannot be read: {error.strerror}.") from error
        try:
            self._tokenizer: _Tokenizer = Tokenizer.from_buffer(content)
        except Exception as error:  # the library raises this very class
            raise ValueError(
                f"{file} is no tokenizer that can be read; get the model's tokenizer.json again."
            ) from error
        self._tokenizer.no_truncation()  # counts are of whole texts, whatever the file is set to
        self._tokenizer.no_padding()
        self._name = file.parent.name or str(file)

    def encode(self, text: str) -> Sequence[int]:
        """Ids without those that the tokenizer adds before and after. Text of a special token becomes that token."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Sequence[int]) -> str:
        """Special tokens are left out."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=True)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The texts that stand for one id and are nothing a user writes, in the order of their ids."""
        added = cast("dict[int, _Added]", self._tokenizer.get_added_tokens_decoder())
        return tuple(token.content for _, token in sorted(added.items()) if token.special)

    def counter(self) -> TokenCounter:
        return TokenCounter(
            lambda text: len(self.encode(text)),
            cuts=_holding(self.encode),
            source=f"the tokenizer of {self._name}",
            is_estimate=False,
        )


class _Added(Protocol):
    content: str
    special: bool


def _holding(encode: Callable[[str], Sequence[int]]) -> re.Pattern[str] | None:
    """The finest cuts that no token of the sample spans."""
    for cuts in _CUTS:
        if all(_adds_up(encode, text, cuts) for text in _SAMPLES):
            return cuts
    return None


def _adds_up(encode: Callable[[str], Sequence[int]], text: str, cuts: re.Pattern[str]) -> bool:
    whole = list(encode(text))
    return whole == [token for piece in cuts.split(text) if piece for token in encode(piece)]


_SAMPLES = (
    "import os\n\n\ndef first(a, b):\n    if a:\n        return [b]\n\n    return {\n        'x': 1,\n    }\n\n\n"
    "class A:\n    '''Text.'''\n\n    x = 1\n\n\n\n    y: int = 22  \n\t\tz\n"
    "}\n};\n\n);\n]\n# end\n'a'\n\"b\"\n_c\n@d\n\n\n",
    "int main() {\r\n\tint a = 0;\r\n\r\n\treturn a;\r\n}\r\n\r\n/* x */\r\n#define B\r\n",
    " \n  \n \n\na\n \nb\n 1\n2\n\t3\n.\n,\n(\n)\n<a>\n</a>\n...\n--\n",
    "# Überschrift\n\nÄpfel\n漢字\n\n 😀\n😀\né\n\u00a0x\n\u3000y\n",
)
