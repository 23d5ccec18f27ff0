import pytest

from pipeline import Pipeline, StageFailed


@pytest.fixture
def double_then_text():
    return Pipeline().add("double", lambda value: value * 2).add("text", str)


def test_result(double_then_text):
    assert double_then_text.run(21) == "42"


def test_no_steps():
    assert Pipeline().run("same") == "same"


def test_stages_are_kept(double_then_text):
    double_then_text.run(1)
    assert [stage.name for stage in double_then_text.stages] == ["double", "text"]
    assert [stage.state for stage in double_then_text.stages] == ["done", "done"]


def test_progress_counts_up(double_then_text):
    def check(done, total):
        assert total == 2
        assert 1 <= done <= total

    double_then_text.run(1, progress=check)


def test_progress_is_called_once_per_step(double_then_text):
    calls = []
    double_then_text.run(1, progress=lambda done, total: calls.append(total))
    assert calls == [2, 2]


def test_failure():
    broken = Pipeline().add("parse", int)
    with pytest.raises(StageFailed, match="parse") as caught:
        broken.run("x")
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.stage.state == "failed"


def test_other_errors_pass_through():
    with pytest.raises(TypeError):
        Pipeline().add("parse", int).run([])


def test_each(double_then_text):
    def check(number, result):
        assert result == str(number * 2)

    double_then_text.each([1, 2, 3], check)
