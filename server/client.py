"""What the connected editor can do, read once from its capabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from lsprotocol import types as lsp


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSupport:
    """False and empty is always the safe side: the plainest message that every editor understands."""

    name: str = ""
    apply_edit: bool = False
    document_changes: bool = False
    """Versioned edits. Clients without it get `changes`, whose versions only we can check."""
    change_annotations: bool = False
    resource_operations: frozenset[str] = frozenset()
    """Of `create`, `rename` and `delete`."""
    progress: bool = False
    """Progress that the server starts."""
    show_document: bool = False
    action_literals: bool = False
    """CodeAction objects; without it, plain commands."""
    resolves_edits: bool = False
    llm_tag: bool = False
    lens_refresh: bool = False
    configuration: bool = False
    """Answers `workspace/configuration`."""
    registers_configuration: bool = False
    """Sends `workspace/didChangeConfiguration` only after a registration."""
    registers_watchers: bool = False
    """Sends `workspace/didChangeWatchedFiles` for what is registered."""
    diagnostic_versions: bool = False
    inline_completion: bool = False
    """Asks for ghost text itself, so that the editor's list needs none of it."""
    disabled_actions: bool = False
    """Shows actions that are impossible here, with the reason."""
    text_content: bool = False
    """Opens documents whose text is the server's, such as an edit before it is applied."""
    input: bool = False
    """Asks its user for an instruction before it runs `assay.rewrite`: `initializationOptions` say `"input": true`."""
    status: bool = True
    """Wants `assay/status`: yes, unless `initializationOptions` say `"status": false`."""

    @classmethod
    def of(cls, params: lsp.InitializeParams) -> ClientSupport:
        capabilities = params.capabilities
        workspace = capabilities.workspace or lsp.WorkspaceClientCapabilities()
        document = capabilities.text_document or lsp.TextDocumentClientCapabilities()
        window = capabilities.window or lsp.WindowClientCapabilities()
        edit = workspace.workspace_edit or lsp.WorkspaceEditClientCapabilities()
        action = document.code_action or lsp.CodeActionClientCapabilities()
        published = document.publish_diagnostics or lsp.PublishDiagnosticsClientCapabilities()
        changed = workspace.did_change_configuration or lsp.DidChangeConfigurationClientCapabilities()
        watched = workspace.did_change_watched_files or lsp.DidChangeWatchedFilesClientCapabilities()
        given: object = params.initialization_options
        options: Mapping[str, Any] = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}
        return cls(
            name=params.client_info.name if params.client_info else "",
            apply_edit=bool(workspace.apply_edit),
            document_changes=bool(edit.document_changes),
            change_annotations=edit.change_annotation_support is not None,
            resource_operations=frozenset(str(getattr(kind, "value", kind)) for kind in edit.resource_operations or ()),
            progress=bool(window.work_done_progress),
            show_document=window.show_document is not None and bool(window.show_document.support),
            action_literals=action.code_action_literal_support is not None,
            resolves_edits=action.resolve_support is not None and "edit" in action.resolve_support.properties,
            llm_tag=action.tag_support is not None and lsp.CodeActionTag.LlmGenerated in action.tag_support.value_set,
            lens_refresh=workspace.code_lens is not None and bool(workspace.code_lens.refresh_support),
            configuration=bool(workspace.configuration),
            registers_configuration=bool(changed.dynamic_registration),
            registers_watchers=bool(watched.dynamic_registration),
            diagnostic_versions=bool(published.version_support),
            inline_completion=document.inline_completion is not None,
            disabled_actions=bool(action.disabled_support),
            text_content=workspace.text_document_content is not None,
            input=options.get("input") is True,
            status=options.get("status") is not False,
        )
