"""What an editor gets of a conversation; docs/chat.md has the shapes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assist.chat.conversation import Citation, ContextReceipt, Conversation, Turn
    from server.session import Session

ANSWER = "answer"
"""The kind of `assay/explain`."""


def turn_json(session: Session, conversation: Conversation, found: Turn) -> dict[str, Any]:
    return {
        "conversation": conversation.id,
        "turn": found.number,
        "title": conversation.title,
        "question": found.question,
        "command": found.command or None,
        "text": found.text,
        "citations": [citation_json(session, conversation, each) for each in found.citations],
        "blocks": [
            {
                "block": number,
                "language": each.language,
                "path": each.path or None,
                "text": each.text,
                "applicable": each.is_edit,
            }
            for number, each in enumerate(found.blocks)
        ],
        "context": receipt_json(found.receipt),
        "model": found.receipt.model or None,
        "seconds": found.seconds,
        "reason": found.reason,
        "created": found.created,
    }


def citation_json(session: Session, conversation: Conversation, citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "path": citation.path,
        "uri": session.uri_in(Path(conversation.root), citation.path),
        "range": {
            "start": {"line": citation.start_line, "character": 0},
            "end": {"line": citation.end_line, "character": 0},
        },
        "digest": citation.digest,
        "symbol": citation.symbol or None,
        "current": citation.is_current,
    }


def receipt_json(receipt: ContextReceipt) -> dict[str, Any]:
    return {
        "topic": receipt.topic,
        "query": receipt.query or None,
        "queryBy": receipt.query_by or None,
        "budget": receipt.budget,
        "tokens": receipt.tokens,
        "parts": [
            {
                "kind": part.kind,
                "source": part.source,
                "path": part.path or None,
                "startLine": part.start_line,
                "endLine": part.end_line,
                "tokens": part.tokens,
                "number": part.number or None,
                "leftOut": part.left_out or None,
            }
            for part in receipt.parts
        ],
        "rules": list(receipt.rules),
        "turns": receipt.turns,
        "notes": list(receipt.notes),
    }


def explanation(found: Turn) -> dict[str, Any]:
    """For `assay/explain`: how the answer came about, without the answer."""
    return {
        "kind": ANSWER,
        "reason": found.reason,
        "model": found.receipt.model or None,
        "seconds": found.seconds,
        "citations": len(found.citations),
        "context": receipt_json(found.receipt),
    }
