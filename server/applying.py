"""Have the editor apply an edit: against what it shows now, versioned, or not at all and with the reason."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from server.documents import Snapshot
from server.sources import encode

if TYPE_CHECKING:
    from server.app import AssayServer
    from workspace.edit import Edit

CONFIRM_SECONDS = 600.0  # where the editor asks its user first
_APPLY_SECONDS = 30.0

_logger = logging.getLogger("assay.applying")


def moved_on(ls: AssayServer, root: Path, edit: Edit) -> list[str]:
    """Files of an edit whose content is not any more what it was made against, open or not."""
    current = ls.session.documents_in(root)
    return [change.path for change in edit.changes if _content(root, change.path, current) != change.before]


def can_ask(ls: AssayServer) -> bool:
    """Whether this editor can show an edit and ask its user before it applies it."""
    client = ls.session.client
    return client.change_annotations and client.document_changes


async def apply_edit(
    ls: AssayServer,
    root: Path,
    edit: Edit,
    grade: str,
    *,
    preview: Literal["auto", "always", "never"] | None = None,
) -> str | None:
    """None when the editor applied it, else one sentence that says why not. See `moved_on` first.

    :param preview: whether the editor asks its user first, where it can; None is what the settings say.
    """
    from server.workspace_edit import CannotApply, asks_first, to_workspace_edit

    session = ls.session
    preview = preview or session.settings.edits.preview
    if not session.client.apply_edit:
        return "This editor does not let a server change files; the receipt has the change as a diff."
    try:
        wanted = to_workspace_edit(
            edit,
            snapshots=session.documents_in(root),
            uri_of=lambda path: session.uri_in(root, path),
            client=session.client,
            encoding=session.encoding,
            grade=grade,
            preview=preview,
        )
    except CannotApply as error:
        return str(error)
    waits = session.client.change_annotations and asks_first(grade, preview)
    params = lsp.ApplyWorkspaceEditParams(edit=wanted, label=edit.title or None)
    try:
        answer: lsp.ApplyWorkspaceEditResult | None = await ls.protocol.ask(
            lsp.WORKSPACE_APPLY_EDIT, params, within=CONFIRM_SECONDS if waits else _APPLY_SECONDS
        )
    except JsonRpcException as error:
        _logger.warning("the editor refused an edit (code %d)", error.code)
        answer = None
    if answer is not None and answer.applied:
        return None
    why = f" ({answer.failure_reason})" if answer is not None and answer.failure_reason else ""
    return f"The editor did not apply the edit{why}; the receipt has it as a diff."


def _content(root: Path, path: str, current: Mapping[str, Snapshot]) -> bytes | None:
    """A file as the user has it now."""
    if path in current:
        return encode(current[path].text)
    try:
        return (root / path).read_bytes()
    except OSError:
        return None
