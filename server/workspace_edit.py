"""Turn an edit into what this editor can apply, or say why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

from lsprotocol import types as lsp

from server.client import ClientSupport
from server.documents import Snapshot
from server.errors import CommandError
from server.positions import Encoding, LineIndex
from server.sources import decode
from server.text_edits import replacements
from workspace.edit import Edit, FileChange

T = TypeVar("T")

_ANNOTATION = "assay"


class CannotApply(CommandError):
    """The edit is good, but this editor, or the file's encoding, does not allow it."""


def to_workspace_edit(
    edit: Edit,
    *,
    snapshots: Mapping[str, Snapshot],
    uri_of: Callable[[str], str],
    client: ClientSupport,
    encoding: Encoding,
    grade: str,
    preview: Literal["auto", "always", "never"] = "auto",
) -> lsp.WorkspaceEdit:
    """Versioned edits where the client has them, else plain ones; the smallest ranges, in its units.

    :param snapshots: the open documents of the edit, by path.
    :param preview: whether the editor asks its user first; `auto` for what is not verified.
    :raises CannotApply: a file is not text, or would have to be created or deleted and the editor cannot.
    """
    for change in edit.changes:
        _check_resources(change, client)
    creates = any(change.before is None or change.after is None for change in edit.changes)
    # Creating and deleting exists only in documentChanges, so who declares them reads those.
    if not client.document_changes and not creates:
        changes = {
            uri_of(change.path): _text_edits(change, snapshots.get(change.path), encoding, lsp.TextEdit)
            for change in edit.changes
        }
        return lsp.WorkspaceEdit(changes=changes)
    make: Callable[[lsp.Range, str], lsp.TextEdit | lsp.AnnotatedTextEdit] = (
        _annotated if client.change_annotations else lsp.TextEdit
    )
    annotation = lsp.ChangeAnnotation(
        label=edit.title or "Assay", needs_confirmation=asks_first(grade, preview), description=grade
    )
    operations: list[lsp.TextDocumentEdit | lsp.CreateFile | lsp.RenameFile | lsp.DeleteFile] = []
    for change in edit.changes:
        uri, mark = uri_of(change.path), _ANNOTATION if client.change_annotations else None
        if change.after is None:
            operations.append(lsp.DeleteFile(uri=uri, annotation_id=mark))
            continue
        if change.before is None:
            operations.append(lsp.CreateFile(uri=uri, annotation_id=mark))
        snapshot = snapshots.get(change.path)
        document = lsp.OptionalVersionedTextDocumentIdentifier(
            uri=uri, version=snapshot.version if snapshot is not None else None
        )
        edits = _text_edits(change, snapshot, encoding, make)
        operations.append(lsp.TextDocumentEdit(text_document=document, edits=list(edits)))
    return lsp.WorkspaceEdit(
        document_changes=operations,
        change_annotations={_ANNOTATION: annotation} if client.change_annotations else None,
    )


def asks_first(grade: str, preview: Literal["auto", "always", "never"]) -> bool:
    """Whether an edit of this grade is to be shown before it is applied."""
    return preview == "always" or (preview == "auto" and grade != "verified")


def _annotated(range: lsp.Range, new_text: str) -> lsp.AnnotatedTextEdit:  # noqa: A002 - as the other makers call it
    return lsp.AnnotatedTextEdit(range=range, new_text=new_text, annotation_id=_ANNOTATION)


def _check_resources(change: FileChange, client: ClientSupport) -> None:
    needed = "create" if change.before is None else "delete" if change.after is None else None
    if needed is not None and needed not in client.resource_operations:
        raise CannotApply(
            f"The fix {needed}s {change.path}, which this editor does not let a server do; "
            "the receipt has the whole change as a diff."
        )


def _text_edits(
    change: FileChange,
    snapshot: Snapshot | None,
    encoding: Encoding,
    make: Callable[[lsp.Range, str], T],
) -> list[T]:
    before = snapshot.text if snapshot is not None else _text(change.path, change.before or b"")
    index = LineIndex.of(before, encoding)
    return [
        make(index.range(each.start, each.end), each.text)
        for each in replacements(before, _text(change.path, change.after or b""))
    ]


def _text(path: str, content: bytes) -> str:
    try:
        return decode(content)
    except UnicodeDecodeError as error:
        raise CannotApply(
            f"{path} is not in the encoding it declares, so the change cannot be sent to the editor; "
            "the receipt has it as a diff."
        ) from error
