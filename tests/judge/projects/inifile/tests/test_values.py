import pytest

from inifile import as_bool, as_list, as_number


@pytest.mark.parametrize("text", ["yes", "On", " TRUE ", "1"])
def test_true(text):
    assert as_bool(text) is True


@pytest.mark.parametrize("text", ["no", "OFF", "false", "0"])
def test_false(text):
    assert as_bool(text) is False


def test_neither():
    with pytest.raises(ValueError):
        as_bool("maybe")


def test_number():
    assert as_number("12") == 12
    assert as_number("1.5") == 1.5
    with pytest.raises(ValueError):
        as_number("x")


def test_list():
    assert as_list("a, b,,c ") == ["a", "b", "c"]
    assert as_list("") == []
