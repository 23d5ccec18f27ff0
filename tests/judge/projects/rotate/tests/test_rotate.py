import gzip

import pytest

from rotate import RotatingFile, backups, compress, needs_rotation, rotate


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "app.log"
    path.write_text("new")
    return path


def test_first_rotation(log):
    rotate(log)
    assert log.read_text() == ""
    assert (log.parent / "app.log.1").read_text() == "new"


def test_no_file(tmp_path):
    rotate(tmp_path / "none.log")
    assert list(tmp_path.iterdir()) == []


def test_numbers_move_up(log):
    (log.parent / "app.log.1").write_text("one")
    (log.parent / "app.log.2").write_text("two")
    rotate(log)
    assert (log.parent / "app.log.1").read_text() == "new"
    assert (log.parent / "app.log.2").read_text() == "one"
    assert (log.parent / "app.log.3").read_text() == "two"


def test_oldest_is_dropped(log):
    for number in (1, 2, 3):
        (log.parent / f"app.log.{number}").write_text(str(number))
    rotate(log, keep=3)
    assert backups(log) == [1, 2, 3]
    assert (log.parent / "app.log.3").read_text() == "2"


def test_keep_one(log):
    (log.parent / "app.log.1").write_text("one")
    rotate(log, keep=1)
    assert (log.parent / "app.log.1").read_text() == "new"
    assert backups(log) == [1]


def test_keep_is_checked(log):
    with pytest.raises(ValueError):
        rotate(log, keep=0)


def test_gap_stays_a_gap(log):
    (log.parent / "app.log.2").write_text("two")
    rotate(log)
    assert backups(log) == [1, 3]


def test_backups_ignores_others(log):
    (log.parent / "other.log.1").write_text("")
    (log.parent / "app.log.old").write_text("")
    (log.parent / "app.log.7").write_text("")
    assert backups(log) == [7]


@pytest.mark.parametrize("limit, needed", [(2, True), (3, True), (4, False)])
def test_needs_rotation(log, limit, needed):
    assert needs_rotation(log, limit) is needed


def test_missing_file_needs_none(tmp_path):
    assert needs_rotation(tmp_path / "none", 0) is False


def test_compress(log):
    target = compress(str(log))
    assert not log.exists()
    with gzip.open(target, "rt") as packed:
        assert packed.read() == "new"


def test_rotating_file(tmp_path):
    path = tmp_path / "app.log"
    with RotatingFile(path, limit=8) as file:
        file.write("12345")
        file.write("67890")
        file.write("abc")
    assert path.read_text() == "abc\n"
    assert (tmp_path / "app.log.1").read_text() == "12345\n67890\n"


def test_rotating_file_keeps_history(tmp_path):
    path = tmp_path / "app.log"
    with RotatingFile(path, limit=2, keep=2) as file:
        for word in ("one", "two", "three"):
            file.write(word)
    assert (tmp_path / "app.log.1").read_text() == "three\n"
    assert (tmp_path / "app.log.2").read_text() == "two\n"
    assert backups(path) == [1, 2]
