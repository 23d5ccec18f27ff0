import pytest

from bus import Signal


@pytest.fixture
def signal():
    return Signal()


def test_emit_passes_arguments(signal):
    seen = []
    signal.connect(lambda *args, **kwargs: seen.append((args, kwargs)))
    signal.emit(1, b=2)
    assert seen == [((1,), {"b": 2})]


def test_results_are_in_order(signal):
    signal.connect(lambda: "a")
    signal.connect(lambda: "b")
    assert signal.emit() == ["a", "b"]


def test_connect_returns_the_callback(signal):
    @signal.connect
    def hello():
        return "hello"

    assert hello() == "hello"
    assert len(signal) == 1


def test_disconnect(signal):
    callback = signal.connect(lambda: 1)
    signal.disconnect(callback)
    assert signal.emit() == []


def test_disconnect_unknown(signal):
    with pytest.raises(ValueError):
        signal.disconnect(print)


def test_once(signal):
    signal.once(lambda: 1)
    assert signal.emit() == [1]
    assert signal.emit() == []


def test_once_does_not_hide_the_next(signal):
    signal.once(lambda: "first")
    signal.connect(lambda: "second")
    assert signal.emit() == ["first", "second"]


def test_two_once_in_a_row(signal):
    calls = []
    signal.once(lambda: calls.append("a"))
    signal.once(lambda: calls.append("b"))
    signal.emit()
    assert calls == ["a", "b"]
    assert len(signal) == 0


def test_connected_while_emitting_waits_for_the_next(signal):
    def add(value):
        assert value in (1, 2)
        signal.connect(lambda value: late.append(value))

    late = []
    signal.connect(add)
    signal.emit(1)
    assert late == []
    signal.emit(2)
    assert late == [2]


def test_callback_sees_right_value(signal):
    def check(value):
        assert value == 42

    signal.connect(check)
    assert signal.emit(42) == [None]


def test_errors_come_out(signal):
    def bad():
        raise RuntimeError("boom")

    signal.connect(bad)
    with pytest.raises(RuntimeError):
        signal.emit()
