"""Several caches of embeddings as one, the nearest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retrieval.ports import VectorCache


class TieredVectorCache:
    """A `VectorCache` that asks each tier for what those before it lack, and gives it to them.

    :param tiers: nearest first; they are closed with this.
    """

    def __init__(self, *tiers: VectorCache) -> None:
        self._tiers = tiers

    async def get(self, embedder: str, digests: Sequence[str]) -> Mapping[str, Sequence[float]]:
        found: dict[str, Sequence[float]] = {}
        for at, tier in enumerate(self._tiers):
            missing = [digest for digest in digests if digest not in found]
            if not missing:
                break
            new = await tier.get(embedder, missing)
            found.update(new)
            if new:
                for nearer in self._tiers[:at]:
                    await nearer.put(embedder, new)
        return found

    async def put(self, embedder: str, vectors: Mapping[str, Sequence[float]]) -> None:
        for tier in self._tiers:
            await tier.put(embedder, vectors)

    async def close(self) -> None:
        for tier in self._tiers:
            await tier.close()
