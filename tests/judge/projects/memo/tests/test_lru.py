import pytest

from memo import LRU


def test_get_and_put():
    cache = LRU(2)
    cache.put("a", 1)
    assert cache.get("a") == 1
    assert cache.get("b") is None
    assert cache.get("b", 7) == 7


def test_oldest_goes():
    cache = LRU(2)
    for key in "abc":
        cache.put(key, key.upper())
    assert "a" not in cache
    assert cache.keys() == ["b", "c"]


def test_get_counts_as_use():
    cache = LRU(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert "a" in cache
    assert "b" not in cache


def test_put_counts_as_use():
    cache = LRU(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 3)
    cache.put("c", 4)
    assert cache.keys() == ["a", "c"]


def test_eviction_callback():
    gone = []
    cache = LRU(1, on_evict=lambda key, value: gone.append((key, value)))
    cache.put("a", 1)
    cache.put("b", 2)
    assert gone == [("a", 1)]


def test_eviction_callback_after_use():
    def check(key, value):
        assert key == "b"
        gone.append(value)

    gone = []
    cache = LRU(2, on_evict=check)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert gone == [2]


def test_counts():
    cache = LRU(1)
    cache.put("a", None)
    cache.get("a")
    cache.get("x")
    assert (cache.hits, cache.misses) == (1, 1)


def test_size_is_checked():
    with pytest.raises(ValueError):
        LRU(0)
