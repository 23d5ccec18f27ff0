import pytest

from todo.cli import main


@pytest.fixture
def todo(tmp_path):
    path = str(tmp_path / "list.json")
    return lambda *arguments: main(["--file", path, *arguments])


def test_add(todo, capsys):
    assert todo("add", "milk") == 0
    assert capsys.readouterr().out == "added 1\n"


def test_list(todo, capsys):
    todo("add", "milk")
    todo("add", "bread")
    capsys.readouterr()
    assert todo("list") == 0
    assert capsys.readouterr().out == "1. [ ] milk\n2. [ ] bread\n"


def test_done_marks_the_number_shown(todo, capsys):
    for text in ("milk", "bread", "eggs"):
        todo("add", text)
    assert todo("done", "2") == 0
    capsys.readouterr()
    todo("list", "--all")
    assert capsys.readouterr().out == "1. [ ] milk\n2. [x] bread\n3. [ ] eggs\n"


def test_done_marks_the_last(todo, capsys):
    todo("add", "milk")
    todo("add", "bread")
    todo("done", "2")
    capsys.readouterr()
    todo("list")
    assert capsys.readouterr().out == "1. [ ] milk\n"


def test_done_with_one_item(todo, capsys):
    todo("add", "milk")
    todo("done", "1")
    capsys.readouterr()
    todo("list")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("number", ["0", "3", "-1"])
def test_done_without_such_an_item(todo, capsys, number):
    todo("add", "milk")
    todo("add", "bread")
    assert todo("done", "--", number) == 1
    assert "no item" in capsys.readouterr().err


def test_clear(todo, capsys):
    todo("add", "milk")
    todo("done", "1")
    capsys.readouterr()
    assert todo("clear") == 0
    assert capsys.readouterr().out == "removed 1\n"


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == "todo 1.0.0\n"


def test_no_command(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "usage: todo" in capsys.readouterr().err


def test_damaged_file(tmp_path, capsys):
    path = tmp_path / "list.json"
    path.write_text("{")
    assert main(["--file", str(path), "list"]) == 2
    assert "is damaged" in capsys.readouterr().err
