"""assay/debug/*: what the server sees. Registered with `--debug` only."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pygls.exceptions import JsonRpcInvalidParams

if TYPE_CHECKING:
    from server.app import AssayServer


def document(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{uri}` to `{text, version, languageId, inSync}`.

    :raises JsonRpcInvalidParams: no such document is open.
    """
    uri = cast("Mapping[str, Any]", params).get("uri") if isinstance(params, Mapping) else None
    if not isinstance(uri, str):
        raise JsonRpcInvalidParams("assay/debug/document wants {uri}.")
    known = ls.session.document(uri)
    if known is None:
        raise JsonRpcInvalidParams("No document with this uri is open.")
    return {
        "text": known.snapshot().text,
        "version": known.version,
        "languageId": known.language_id,
        "inSync": known.in_sync,
    }


def stats(ls: AssayServer, _: Any) -> dict[str, int]:
    """Counts, and bytes of memory in use."""
    return {
        "tasks": len(asyncio.all_tasks()),
        "pendingRequests": ls.protocol.pending,
        "openDocuments": len(ls.session.documents),
        "residentBytes": _resident_bytes(),
    }


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # no /proc: the highest so far, in kB (bytes on macOS)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
