"""Edits for an editor: as small as can be, right in each encoding, and only of the kinds that it has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types as lsp

from server.client import ClientSupport
from server.decode import strict_converter
from server.documents import Document, Snapshot
from server.positions import Encoding, LineIndex
from server.text_edits import apply, replacements
from server.workspace_edit import CannotApply, to_workspace_edit
from tests.server.wire import capabilities
from workspace.edit import Edit, FileChange

_TEXTS = st.lists(
    st.sampled_from(["a", "b", "c", "\n", "\r", "\r\n", "\x0c", "\u2028", "é", "😀", "if x:\n"]), max_size=30
).map("".join)


@settings(max_examples=500, deadline=None)
@given(before=_TEXTS, after=_TEXTS, encoding=st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_an_editor_that_applies_them_has_the_new_text(before: str, after: str, encoding: Encoding) -> None:
    edits = replacements(before, after)
    assert apply(before, edits) == after
    index = LineIndex.of(before, encoding)
    document = Document("file:///a", 1, "python", before, encoding)
    changes = [
        lsp.TextDocumentContentChangePartial(range=index.range(each.start, each.end), text=each.text)
        for each in reversed(edits)
    ]
    document.change(changes, 2)
    assert document.snapshot().text == after


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("a < b\n", "a <= b\n", [(3, 3, "=")]),
        ("one\ntwo\nthree\n", "one\ntwo\nthree\n", []),
        ("one\ntwo\nthree\n", "one\nthree\n", [(4, 8, "")]),
        ("one\nthree\n", "one\ntwo\nthree\n", [(4, 4, "two\n")]),
        ("a\nx\nb\ny\nc\n", "a\nX\nb\nY\nc\n", [(2, 3, "X"), (6, 7, "Y")]),
        ("", "new\n", [(0, 0, "new\n")]),
        ("a\r\n", "a\n", [(1, 3, "\n")]),  # not between \r and \n
        ("a\n", "a\r\n", [(1, 2, "\r\n")]),
        ("😀 = 1\n", "😀 = 2\n", [(4, 5, "2")]),
    ],
)
def test_they_are_small(before: str, after: str, wanted: list[tuple[int, int, str]]) -> None:
    assert [(each.start, each.end, each.text) for each in replacements(before, after)] == wanted


def test_a_large_rewrite_is_one_replacement() -> None:
    before = "".join(f"{number}\n" for number in range(10_000))
    after = before.replace("9", "nine")
    assert len(replacements(before, after)) == 1
    assert apply(before, replacements(before, after)) == after


# ---- for one editor

BEFORE, AFTER = "é = a < b\n", "é = a <= b\n"


def client(editor: str, **changed: Any) -> ClientSupport:
    declared = strict_converter().structure(capabilities(editor), lsp.ClientCapabilities)
    params = lsp.InitializeParams(capabilities=declared, initialization_options=changed or None)
    return ClientSupport.of(params)


def encode(change: FileChange, support: ClientSupport, *, is_open: bool = True, grade: str = "verified") -> Any:
    snapshot = Snapshot("file:///w/a%20b.py", 7, "python", (change.before or b"").decode("utf-8", "replace"), "utf-8")
    edit = to_workspace_edit(
        Edit(changes=(change,), title="compare with <="),
        snapshots={change.path: snapshot} if is_open else {},
        uri_of=lambda path: f"file:///w/{path}",
        client=support,
        encoding="utf-8",
        grade=grade,
    )
    return strict_converter().unstructure(edit)


CHANGE = FileChange(path="a.py", before=BEFORE.encode(), after=AFTER.encode())
AT = {"start": {"line": 0, "character": 8}, "end": {"line": 0, "character": 8}}


def test_versioned_and_annotated_for_vs_code() -> None:
    assert encode(CHANGE, client("code-server")) == {
        "documentChanges": [
            {
                "textDocument": {"uri": "file:///w/a.py", "version": 7},
                "edits": [{"range": AT, "newText": "=", "annotationId": "assay"}],
            }
        ],
        "changeAnnotations": {
            "assay": {"label": "compare with <=", "description": "verified", "needsConfirmation": False}
        },
    }


def test_what_is_not_verified_asks_for_confirmation() -> None:
    edit = encode(CHANGE, client("code-server"), grade="checked")
    assert edit["changeAnnotations"]["assay"] == {
        "label": "compare with <=",
        "description": "checked",
        "needsConfirmation": True,
    }


def test_versioned_for_helix_and_plain_for_neovim() -> None:
    edit = {"range": AT, "newText": "="}
    helix = encode(CHANGE, client("helix"))
    assert helix["documentChanges"][0]["edits"] == [edit]
    for version in ("Neovim-0.7", "Neovim-0.12"):
        assert encode(CHANGE, client(version)) == {"changes": {"file:///w/a.py": [edit]}}


def test_a_file_that_is_not_open_has_no_version() -> None:
    edit = encode(CHANGE, client("helix"), is_open=False)
    assert edit["documentChanges"][0]["textDocument"] == {"uri": "file:///w/a.py", "version": None}


def test_a_byte_order_mark_is_the_editors_own() -> None:
    change = FileChange(path="a.py", before=b"\xef\xbb\xbfa < b\n", after=b"\xef\xbb\xbfa <= b\n")
    edit = encode(change, client("Neovim-0.7"), is_open=False)
    assert edit["changes"]["file:///w/a.py"][0]["range"]["start"] == {"line": 0, "character": 3}


def test_new_files_are_created_where_the_editor_can() -> None:
    change = FileChange(path="new.py", before=None, after=b"x = 1\n")
    operations = encode(change, client("Neovim-0.7"), is_open=False)["documentChanges"]
    assert operations[0] == {"kind": "create", "uri": "file:///w/new.py"}
    assert operations[1]["edits"][0]["newText"] == "x = 1\n"
    with pytest.raises(CannotApply, match=r"creates new\.py, which this editor does not let a server do"):
        encode(change, ClientSupport(apply_edit=True), is_open=False)


def test_files_are_deleted_where_the_editor_can() -> None:
    change = FileChange(path="old.py", before=b"x\n", after=None)
    assert encode(change, client("helix"))["documentChanges"] == [{"kind": "delete", "uri": "file:///w/old.py"}]
    with pytest.raises(CannotApply, match=r"deletes old\.py"):
        encode(change, ClientSupport(apply_edit=True, document_changes=True))


def test_what_is_not_utf_8_is_said() -> None:
    change = FileChange(path="a.py", before=b"\xe9 = 1\n", after=b"\xe9 = 2\n")
    with pytest.raises(CannotApply, match=r"a\.py is not in the encoding it declares"):
        encode(change, client("helix"), is_open=False)
