"""What editors send beyond the protocol's own types, and other AI language servers made a custom of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp

if TYPE_CHECKING:
    from cattrs import Converter

_MOST_TAB = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineRequest:
    """textDocument/inlineCompletion with `textDocument.version` and `formattingOptions`: as Copilot's server has it."""

    params: lsp.InlineCompletionParams
    version: int | None
    """That the editor asks about."""
    tab_size: int = 4
    insert_spaces: bool = True


def read_inline(converter: Converter, raw: Any) -> InlineRequest:
    """:raises Exception: as the converter does; what goes beyond the protocol is never a reason to refuse."""
    params = converter.structure(raw, lsp.InlineCompletionParams)
    document, options = _table(raw.get("textDocument")), _table(raw.get("formattingOptions"))
    version, tab_size = document.get("version"), options.get("tabSize")
    return InlineRequest(
        params=params,
        version=version if type(version) is int else None,
        tab_size=tab_size if type(tab_size) is int and 0 < tab_size <= _MOST_TAB else 4,
        insert_spaces=options.get("insertSpaces") is not False,
    )


DECODERS: Mapping[str, Callable[[Converter, Any], Any]] = {lsp.TEXT_DOCUMENT_INLINE_COMPLETION: read_inline}
"""By method; others are decoded into the protocol's own types."""


def _table(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
