import pytest

from inifile import Document, parse


@pytest.fixture
def document():
    made = Document()
    made.comments.append("made by hand")
    made.section("server")["port"] = 80
    made.section("client")["name"] = "me"
    return made


def test_values_are_text(document):
    assert document["server"]["port"] == "80"


def test_contains_and_get(document):
    assert "port" in document["server"]
    assert "host" not in document["server"]
    assert document["server"].get("host", "localhost") == "localhost"


def test_section_is_made_once(document):
    assert document.section("server") is document.section("server")
    assert len(document) == 2


def test_iteration(document):
    assert [section.name for section in document] == ["server", "client"]
    assert list(document["client"]) == ["name"]


def test_missing_section(document):
    with pytest.raises(KeyError):
        document["nope"]


def test_dump(document):
    assert document.dump() == "# made by hand\n\n[server]\nport = 80\n\n[client]\nname = me\n"


def test_dump_round_trip(document):
    again = parse(document.dump())
    assert again.dump() == document.dump()


def test_empty_dump():
    assert Document().dump() == ""
