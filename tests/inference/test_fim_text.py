"""Text that tries to be special tokens: whole, in pieces, nested, and beside ordinary code."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from inference.fim.families import SPECIAL_TOKENS

TOKEN = re.compile("|".join(map(re.escape, SPECIAL_TOKENS)))

_tokens = st.sampled_from(SPECIAL_TOKENS)
_pieces = st.builds(
    lambda token, ends: token[min(ends) % len(token) : max(ends) % len(token) + 1],
    _tokens,
    st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
_cuts = st.builds(lambda token, at: (token[: at % len(token)], token[at % len(token) :]), _tokens, st.integers(1, 30))
_nested = st.recursive(_tokens, lambda inner: st.builds(lambda cut, text: cut[0] + text + cut[1], _cuts, inner))
_ordinary = st.sampled_from(["def f(x):\n", "    return x\n", "a < b", "\n", "x[0]", "<", "|>", "{}", "é漢😀", "\r\n"])

pieces = st.lists(st.one_of(_tokens, _pieces, _nested, _ordinary, st.text(max_size=5)), max_size=12)
"""As a model might send them."""
hostile = pieces.map("".join)
harmless = st.lists(_ordinary, max_size=12).map("".join)
