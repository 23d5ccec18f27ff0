"""assay/explain: how the last completion, answer or action came about, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pygls.exceptions import JsonRpcInvalidParams

if TYPE_CHECKING:
    from server.app import AssayServer

METHOD = "assay/explain"


async def explain(ls: AssayServer, params: Any) -> dict[str, Any] | None:
    """`{kind}`, or `{}` for the last of any kind; null when there was none.

    :raises JsonRpcInvalidParams: the kind is not a text.
    """
    kind: object = cast("Mapping[str, Any]", params).get("kind") if isinstance(params, Mapping) else None
    if kind is not None and not isinstance(kind, str):
        raise JsonRpcInvalidParams("assay/explain wants {kind}, or {} for whatever was last.")
    known = ls.session.explanations
    if kind is not None:
        return known.get(kind)
    return known[next(reversed(known))] if known else None
