from __future__ import annotations

from assist.complete.values import Candidate

_MOST_SAME = 3
"""Times that a line may follow itself; tables of data do."""
_LEAST_PERIOD, _MOST_PERIOD = 2, 60
_LEAST_TIMES = 4
"""Times after which a text within a line that repeats itself is a model that goes round in circles."""
_ABOVE = 8
"""Lines above the cursor that are compared."""


def repetition(candidate: Candidate) -> str | None:
    """Up to where the text begins to repeat itself; None when all it does is to say once more what stands above."""
    lines = candidate.text.split("\n")
    if len(lines) >= 2 and _says_again(lines, candidate.before):
        return None
    kept: list[str] = []
    same = 0
    for line in lines:
        same = same + 1 if kept and line.strip() and line.strip() == kept[-1].strip() else 0
        if same >= _MOST_SAME:
            return _cut(kept)
        kept.append(line)
    return None if any(_goes_round(line) for line in lines) else candidate.text


def _cut(lines: list[str]) -> str:
    """Without the lines at the end that are the same, but for the first of them."""
    last = lines[-1].strip()
    end = len(lines)
    while end > 1 and lines[end - 2].strip() == last:
        end -= 1
    return "\n".join(lines[:end])


def _says_again(lines: list[str], before: str) -> bool:
    """Whether two lines or more are just those above the cursor."""
    wanted = [line.strip() for line in lines if line.strip()]
    most = _ABOVE + len(wanted)
    above = [line.strip() for line in before.rsplit("\n", most)[-most:-1] if line.strip()]
    return len(wanted) >= 2 and above[-len(wanted) :] == wanted


def _goes_round(line: str) -> bool:
    text = line.strip()
    for period in range(_LEAST_PERIOD, min(_MOST_PERIOD, len(text) // _LEAST_TIMES) + 1):
        tail = text[-period:]
        if len(set(tail)) > 1 and text.endswith(tail * _LEAST_TIMES) and any(map(str.isalnum, tail)):
            return True
    return False
