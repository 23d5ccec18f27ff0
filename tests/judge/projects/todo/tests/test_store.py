import pytest

from todo.model import Item
from todo.store import Store, StoreError


def test_missing_file_is_empty(tmp_path):
    assert Store(tmp_path / "no.json").load() == []


def test_round_trip(tmp_path):
    store = Store(tmp_path / "list.json")
    store.save([Item("a"), Item("b", done=True)])
    assert store.load() == [Item("a"), Item("b", done=True)]


def test_no_temporary_file_is_left(tmp_path):
    Store(tmp_path / "list.json").save([])
    assert [path.name for path in tmp_path.iterdir()] == ["list.json"]


def test_damaged(tmp_path):
    (tmp_path / "list.json").write_text("nope")
    with pytest.raises(StoreError):
        Store(tmp_path / "list.json").load()


def test_line():
    assert Item("a").line(3) == "3. [ ] a"
    assert Item("a", done=True).line(1) == "1. [x] a"
