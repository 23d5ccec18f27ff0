"""Where answers of models are kept, by the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from inference.errors import BadRequest
from server.configuration import cache_folder
from server.identity import own_secret
from server.model_settings import CacheSettings
from server.secrets import NoSecret, resolve_secret

if TYPE_CHECKING:
    from inference.cache.keys import Tenant
    from inference.ports import Cache


def answer_cache(settings: CacheSettings, env: Mapping[str, str]) -> Cache:
    """Memory in front of a file of this machine, or of the team's Redis.

    :raises InferenceError: the settings of the Redis cannot be used.
    """
    from inference.cache.memory import MemoryCache
    from inference.cache.tiered import TieredCache

    near = MemoryCache(limit_bytes=settings.memory_mb << 20)
    if not settings.redis_url:
        from inference.cache.sqlite import SqliteCache

        return TieredCache(near, SqliteCache(cache_folder(env) / "answers.sqlite", limit_bytes=settings.disk_mb << 20))
    from inference.cache.redis import RedisCache

    url = _secret(settings.redis_url, "cache.redis_url", env)
    return TieredCache(near, RedisCache(url, prefix=tenant_of(settings, env).prefix))


def tenant_of(settings: CacheSettings, env: Mapping[str, str]) -> Tenant:
    """Whoever has the secret of the settings; this person alone without one.

    :raises BadRequest: the secret is not where the settings say, or too short.
    """
    from inference.cache.keys import Tenant

    if not settings.tenant:
        return Tenant(name="own", secret=own_secret(env))
    try:
        return Tenant(name="team", secret=_secret(settings.tenant, "cache.tenant", env).encode())
    except ValueError as error:
        raise BadRequest(f"cache.tenant: {error}") from error


def _secret(text: str, key: str, env: Mapping[str, str]) -> str:
    try:
        return resolve_secret(text, env)
    except NoSecret as error:
        raise BadRequest(f"{key}: {error}.") from error
