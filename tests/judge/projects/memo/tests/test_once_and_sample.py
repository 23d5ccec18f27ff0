import random
import threading

from memo import Once, reservoir


def test_once_per_key():
    calls = []
    once = Once(lambda key: calls.append(key) or key * 2)
    assert [once(1), once(1), once(2)] == [2, 2, 4]
    assert calls == [1, 2]


def test_once_across_threads():
    calls = []
    once = Once(lambda key: calls.append(key) or len(calls))
    threads = [threading.Thread(target=once, args=("k",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == ["k"]


def test_reservoir_of_few():
    assert reservoir("ab", 5, random.Random(1)) == ["a", "b"]


def test_reservoir_chooses_from_all():
    seen = set()
    for seed in range(200):
        chosen = reservoir(range(10), 3, random.Random(seed))
        assert len(set(chosen)) == 3
        seen.update(chosen)
    assert seen == set(range(10))
