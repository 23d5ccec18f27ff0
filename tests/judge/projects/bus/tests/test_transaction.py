import pytest

from bus import Transaction


def test_commit():
    data = {"a": 1}
    with Transaction(data) as target:
        target["b"] = 2
        assert target is data
    assert data == {"a": 1, "b": 2}


def test_rollback():
    data = {"a": 1}
    with pytest.raises(KeyError):
        with Transaction(data) as target:
            target["a"] = 5
            del target["missing"]
    assert data == {"a": 1}


def test_rollback_of_additions():
    data = {}
    with pytest.raises(RuntimeError):
        with Transaction(data) as target:
            target["x"] = 1
            raise RuntimeError
    assert data == {}


def test_nested():
    data = {"n": 0}
    with Transaction(data):
        data["n"] = 1
        try:
            with Transaction(data):
                data["n"] = 2
                raise ValueError
        except ValueError:
            pass
        assert data["n"] == 1
    assert data["n"] == 1
