"""What a definition is called, and how it begins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from retrieval.chunking.languages import Language, Rule

if TYPE_CHECKING:
    from retrieval.chunking.symbols import Node

NAME_LIMIT = 120
"""Characters."""
_SIGNATURE_LIMIT = 200  # characters
_PARAMETERS = re.compile(r"<[^<>]*>")
_AFTER_NAME = re.compile(r"[<\[(].*", re.DOTALL)
_ID = re.compile(r"\sid\s*=\s*[\"']?([\w:.-]+)")
_BODIES = ("body", "block", "declaration_list", "members")


def name_of(node: Node, rule: Rule, content: bytes, language: Language) -> str:
    """Dotted where the definition says what it belongs to: `int shop::Cart::total()`. Empty without a name."""
    raw = _raw_name(node, rule, content)
    text = raw.decode("utf-8", "replace")
    if text.isidentifier():
        return text[:NAME_LIMIT]
    if language.name == "html":
        match = _ID.search(text)
        return f"#{match[1]}"[:NAME_LIMIT] if match else ""
    text = text.strip("\"'` \t\r\n")
    if language.is_code and "operator" not in text:
        while (shorter := _PARAMETERS.sub("", text)) != text:
            text = shorter
        text = _AFTER_NAME.sub("", text)
        text = text.replace("::", ".").replace(":", ".").replace(".prototype.", ".").strip().lstrip("$&*")
    return " ".join(text.split())[:NAME_LIMIT]


def _raw_name(node: Node, rule: Rule, content: bytes) -> bytes:
    for step in rule.name:
        if step[0] == ">":
            found = next((child for child in node.children if child.type == step[1:]), None)
        else:
            found = node.child_by_field_name(step)
        if found is None:
            continue
        # In C a name is within what is done with it: int (*compare)(int, int).
        while found.type.endswith("declarator"):
            inner = found.child_by_field_name("declarator") or next(
                (child for child in found.children if child.type.endswith(("declarator", "identifier"))), None
            )
            if inner is None:
                break
            found = inner
        return content[found.start_byte : min(found.end_byte, found.start_byte + 4 * NAME_LIMIT)]
    return b""


_ELIXIR = {
    b"def": "function",
    b"defp": "function",
    b"defguard": "function",
    b"defguardp": "function",
    b"defdelegate": "function",
    b"defmacro": "macro",
    b"defmacrop": "macro",
    b"defmodule": "module",
    b"defprotocol": "protocol",
    b"defimpl": "impl",
    b"test": "test",
    b"describe": "test",
}
_ELIXIR_NAME = re.compile(rb'\s*\(?\s*(?:"([^"\n]*)"|([\w.]+[?!]?))')


def elixir_definition(node: Node, content: bytes) -> tuple[str, str] | None:
    """Kind and name of what a call defines: in Elixir definitions are calls of macros. None for other calls."""
    target = node.child_by_field_name("target")
    if target is None or (kind := _ELIXIR.get(content[target.start_byte : target.end_byte])) is None:
        return None
    if (name := _ELIXIR_NAME.match(content, target.end_byte, node.end_byte)) is None:
        return None
    return kind, (name[1] or name[2] or b"").decode("utf-8", "replace")[:NAME_LIMIT]


_RECEIVER = re.compile(rb"func\s*\(\s*(?:\w+\s+)?\*?\s*(\w+)")


def go_receiver(node: Node, content: bytes) -> str:
    """The type that a Go method belongs to; empty in an interface."""
    match = _RECEIVER.match(content, node.start_byte, node.end_byte)
    return match[1].decode("utf-8", "replace") if match else ""


def signature_of(node: Node, content: bytes) -> str:
    """A definition up to its body, on one line."""
    start, end = node.start_byte, node.end_byte
    body = node.child_by_field_name("body")
    if body is None:
        body = next((child for child in reversed(node.children) if child.type.endswith(_BODIES)), None)
    end = body.start_byte if body is not None and body.start_byte > start else end
    text = content[start : min(end, start + 4 * _SIGNATURE_LIMIT)]
    if body is None:
        text = text.partition(b"\n")[0]
    return " ".join(text.decode("utf-8", "replace").split()).rstrip("{:= ")[:_SIGNATURE_LIMIT]
