"""Caches: least recently used, time to live, and once per key."""

from memo.lru import LRU
from memo.once import Once
from memo.sample import reservoir
from memo.ttl import TTL

__all__ = ["LRU", "TTL", "Once", "reservoir"]
