"""Names of answers that tell nothing of what was asked: keyed BLAKE2b digests (RFC 7693, section 2.9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

_SECRET_BYTES = 64  # that BLAKE2b takes as its key
_PREFIX_BYTES = 8
_LEAST_SECRET = 16
"""Bytes. Fewer could be tried out by a tenant that wants to know what another one asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Whoever shares answers. Two with different secrets can neither find nor read what the other one keeps."""

    name: str
    secret: bytes = field(repr=False)
    """The same on all machines of the tenant, and nobody else's."""

    def __post_init__(self) -> None:
        """:raises ValueError: for a secret that is too short."""
        if len(self.secret) < _LEAST_SECRET:
            raise ValueError(f"The secret of a cache's tenant must have at least {_LEAST_SECRET} bytes.")

    def digest(self, fields: Iterable[str | bytes], *, purpose: bytes, size: int = 32) -> bytes:
        """One digest for these fields in this order; digests for another purpose have nothing to do with it.

        :param purpose: at most 16 bytes.
        """
        state = blake2b(self.name.encode("utf-8", "surrogatepass"), key=self._key(), person=purpose, digest_size=size)
        for each in fields:
            # With their lengths, so that no two lists of fields are the same bytes.
            data = each.encode("utf-8", "surrogatepass") if isinstance(each, str) else each
            state.update(b"%d:" % len(data))
            state.update(data)
        return state.digest()

    @property
    def prefix(self) -> str:
        """Before all of the tenant's keys where many share a store, so that its entries can be told by an operator."""
        return f"assay:ans:{self.digest((), purpose=b'assay prefix', size=_PREFIX_BYTES).hex()}:"

    def _key(self) -> bytes:
        if len(self.secret) <= _SECRET_BYTES:
            return self.secret
        return blake2b(self.secret, digest_size=_SECRET_BYTES).digest()


def cache_key(
    tenant: Tenant, *, kind: str, model: str, version: str, parameters: Iterable[str], prompt: Iterable[str]
) -> bytes:
    """32 bytes. Whatever changes the answer must be in one of these.

    :param kind: of the request, such as `chat`.
    :param version: of the model and of how it is asked.
    """
    settings, texts = list(parameters), list(prompt)
    counts = (str(len(settings)), str(len(texts)))
    return tenant.digest((kind, model, version, *counts, *settings, *texts), purpose=b"assay cache key")
