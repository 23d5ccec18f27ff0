"""Where a setting says where a secret is: in the environment, or in the system's keyring."""

from __future__ import annotations

from collections.abc import Mapping


class NoSecret(Exception):
    """A secret that is not where the settings say; the message is a sentence that names the place, never a value."""


def resolve_secret(text: str, env: Mapping[str, str]) -> str:
    """`env:NAME` and `keyring:SERVICE/USER` by what is there; anything else as it is.

    :raises NoSecret: there is nothing, or no keyring.
    """
    kind, _, place = text.partition(":")
    if kind == "env":
        if not (value := env.get(place, "")):
            raise NoSecret(f"the environment variable {place} is not set")
        return value
    if kind == "keyring":
        return _from_keyring(place)
    return text


def _from_keyring(place: str) -> str:
    service, _, user = place.rpartition("/")
    if not service or not user:
        raise NoSecret("a key in the keyring is written as keyring:SERVICE/USER")
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise NoSecret("the keyring needs Assay's extra `team`; install it, or use env:NAME") from error
    try:
        value = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise NoSecret(f"this machine's keyring cannot be read ({type(error).__name__}); use env:NAME") from error
    if not value:
        raise NoSecret(f"the keyring has no {place}; add it with `keyring set {service} {user}`")
    return value
