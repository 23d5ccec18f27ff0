import pytest

from pipeline import Pipeline


def test_numbers_start_at_one():
    pipeline = Pipeline()
    with pipeline.stage("first") as stage:
        assert stage.number == 1


def test_numbers_go_on():
    pipeline = Pipeline()
    for expected in (1, 2, 3):
        with pipeline.stage("any") as stage:
            assert stage.number == expected


def test_states():
    pipeline = Pipeline()
    stage = pipeline.stage("one")
    assert stage.state == "new"
    with stage:
        assert stage.state == "running"
    assert stage.state == "done"


def test_errors_come_out():
    with pytest.raises(LookupError):
        with Pipeline().stage("bad"):
            raise LookupError


def test_notes():
    with Pipeline().stage("one") as stage:
        stage.note("half")
    assert stage.notes == ["half"]


def test_repr():
    stage = Pipeline().stage("load")
    assert "load new" in repr(stage)


def test_watcher_sees_begin_and_end():
    seen = []
    pipeline = Pipeline()
    for event in ("begin", "end"):
        pipeline.watcher.on(event, lambda event, stage: seen.append((event, stage.name)))
    with pipeline.stage("one"):
        seen.append("inside")
    assert seen == [("begin", "one"), "inside", ("end", "one")]


def test_watcher_sees_the_number():
    def check(event, stage):
        assert stage.number == 1

    pipeline = Pipeline()
    pipeline.watcher.on("begin", check)
    with pipeline.stage("one"):
        pass
