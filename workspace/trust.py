"""Whether the person has said that a workspace's code may be run."""

from __future__ import annotations

from enum import StrEnum


class Trust(StrEnum):
    TRUSTED = "trusted"
    """Its environment's Python may be started, and its code may run in the sandbox."""
    UNTRUSTED = "untrusted"
    """Nothing that lies in it is started, in the sandbox or outside."""


_VALUES: dict[object, Trust] = {
    "trusted": Trust.TRUSTED,
    "untrusted": Trust.UNTRUSTED,
    True: Trust.TRUSTED,
    False: Trust.UNTRUSTED,
}


def read_trust(value: object) -> tuple[Trust, str]:
    """The trust that a setting's value asks for, and what is wrong with the value, or "".

    Anything but `"trusted"`, `"untrusted"`, `true` and `false` fails closed: it is untrusted. So 1, "yes" and
    " Trusted" are, too: a value that needs interpretation is no statement of trust.
    """
    if isinstance(value, (bool, str)) and value in _VALUES:
        return _VALUES[value], ""
    shown = repr(value)
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    return Trust.UNTRUSTED, f'trust is {shown}, which is neither "trusted" nor "untrusted"; "untrusted" is used.'
