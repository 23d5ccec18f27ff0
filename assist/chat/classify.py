"""What a message is about: this code, code to be written, or neither. Rules first; a model where they are unsure."""

from __future__ import annotations

import re

from assist.chat.conversation import Topic

_NAME = r"[A-Za-z_]\w*"
IDENTIFIER = re.compile(
    rf"`[^`\n]{{2,80}}`|\b{_NAME}\(\)|\b[a-zA-Z]+(?:_\w+)+\b|\b[a-z]+[A-Z]\w*\b|\b[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+\b"
    rf"|\b{_NAME}(?:\.{_NAME})+\b|\b[\w./-]+\.(?:py|pyi|js|ts|tsx|go|rs|java|c|h|cpp|cs|rb|toml|json|ya?ml|md|sql|sh)\b"
)
"""What can only mean code: in backticks, `call()`, snake_case, camelCase, CamelCase, dotted.names, file names."""

_TALK = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|evening|day)|thanks?(?: you)?|thank you|cheers|bye|goodbye|ok(?:ay)?|great|"
    r"nice|cool|who are you|what are you|what can you do|how are you|help|tell me a joke|what(?:'s| is) your name)\b"
    r"(?:\W+(?:there|you|thanks|thank|assay|a lot|very much|everyone|all|so much|that helped|works))*\W*$",
    re.IGNORECASE,
)
_WRITE = re.compile(
    r"^\W*(?:(?:please|can you|could you|would you|now|then|and|also|let's|i want (?:you )?to|i need (?:you )?to|"
    r"help me(?: to)?)\W+)*"
    r"(?:write|implement|add|create|generate|make|build|refactor|rewrite|rename|convert|port|replace|remove|delete|"
    r"change|extract|simplify|optimi[sz]e|fix|extend|scaffold|move|split|inline|translate|document)\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:where|which|how (?:does|do|is|are|can|did)|what (?:does|do|is|are|calls|uses|happens|sets)|"
    r"why (?:does|do|is|are|did)|who (?:calls|uses)|when (?:is|are|does)|explain|describe|show me|find|walk me through|"
    r"does (?:this|the|it)|is (?:there|this|the))\b",
    re.IGNORECASE,
)
_CODE_WORDS = re.compile(
    r"\b(?:code|codebase|repo(?:sitory)?|project|function|method|class|module|file|folder|test|tests|variable|argument|"
    r"parameter|import|exception|error|bug|stack ?trace|traceback|line|branch|commit|type|api|endpoint|"
    r"config(?:uration)?|dependency|call(?:s|ed|er|ers)?|return(?:s|ed)?|raise[sd]?|caller)\b",
    re.IGNORECASE,
)
_DEICTIC = re.compile(r"\b(?:this|here|above|below)\b", re.IGNORECASE)


def classify(message: str, *, has_context: bool = False) -> Topic | None:
    """The topic, or None when the rules cannot tell.

    :param has_context: the person attached something, or selected code.
    """
    text = message.strip()
    if not text:
        return "code" if has_context else "talk"
    if _TALK.match(text):
        return "talk"
    if _WRITE.match(text):
        return "write"
    named = IDENTIFIER.search(text) is not None
    if has_context or named:
        return "code"
    if _ABOUT.search(text) and (_CODE_WORDS.search(text) or _DEICTIC.search(text)):
        return "code"
    if _CODE_WORDS.search(text) and _DEICTIC.search(text):
        return "code"
    return None


def read_topic(answer: str) -> Topic | None:
    """The topic that a model's short answer names; None when it names none or several."""
    found = set(re.findall(r"\b(code|write|talk)\b", answer.lower()[:200]))
    if len(found) != 1:
        return None
    word = found.pop()
    return "code" if word == "code" else "write" if word == "write" else "talk"
