"""Completion without a model: what is copied, from where, and when there is no answer. `│` is the cursor."""

from __future__ import annotations

import string
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import copying
from inference.copying import CopyCompleter, CopyCompletion, build_index, copy_completion

LOADED = """\
def load_settings(folder, name, strict):
    path = folder.joinpath(name).with_suffix(suffix)
    content = path.read_text(encoding="utf-8")
    return parse_settings(content, strict=strict)
"""


def ask(text: str, *others: str) -> CopyCompletion:
    before, after = dedent(text).split("│")
    return copy_completion(build_index(before), [build_index(dedent(other)) for other in others], after=after)


def check(text: str, *others: str, expected: str) -> None:
    found = ask(text, *others)
    assert (found.text, found.reason) == (expected, None)


def declines(text: str, *others: str, reason: str) -> None:
    found = ask(text, *others)
    assert (found.text, found.reason) == (None, reason)


def cut(text: str, at: str) -> str:
    """The text up to the end of `at`, where the cursor is."""
    return f"{text[: text.index(at) + len(at)]}│"


def test_the_rest_of_a_line_that_stands_elsewhere() -> None:
    check(cut(LOADED, "return parse_settings("), LOADED, expected="content, strict=strict)")


def test_the_document_itself_is_looked_up_too() -> None:
    check(LOADED + cut(LOADED, "return parse_settings("), expected="content, strict=strict)")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("    return ", "parse_settings(content, strict=strict)"),
        ("    return", " parse_settings(content, strict=strict)"),
        ("    ret", "urn parse_settings(content, strict=strict)"),
        ("    return parse_", "settings(content, strict=strict)"),
        ("    return parse_settings(content,", " strict=strict)"),
        ('encoding="utf-8")\n', "    return parse_settings(content, strict=strict)"),
        ('encoding="utf-8")\n  ', "  return parse_settings(content, strict=strict)"),
        ('encoding="utf-8")\n    ', "return parse_settings(content, strict=strict)"),
    ],
)
def test_a_word_or_an_indentation_that_has_begun_is_continued(at: str, expected: str) -> None:
    check(cut(LOADED, at), LOADED, expected=expected)


def test_spaces_do_not_count() -> None:
    check(
        cut(LOADED.replace(" = ", "=").replace(", ", " ,"), "return parse_settings( "[:-1]),
        LOADED,
        expected="content, strict=strict)",
    )


def test_a_word_that_is_another_is_not_continued() -> None:
    declines(
        cut(LOADED, "    return parse_") + "", LOADED.replace("parse_settings", "read_settings"), reason="no match"
    )


def test_a_line_is_indented_as_at_the_cursor() -> None:
    deeper = "class Reader:\n" + "".join(f"    {line}\n" for line in LOADED.splitlines())
    check(cut(deeper, 'encoding="utf-8")\n'), LOADED, expected="        return parse_settings(content, strict=strict)")
    check(cut(LOADED, 'encoding="utf-8")\n'), deeper, expected="    return parse_settings(content, strict=strict)")


def test_a_line_that_the_user_indented_otherwise_is_not_copied() -> None:
    declines(cut(LOADED, 'encoding="utf-8")\n').replace("│", "      │"), LOADED, reason="indentation")


def test_tabs_and_spaces_are_not_mixed() -> None:
    nested = LOADED.replace("    return", "    if content:\n        return")
    before = cut(nested.replace("    ", "\t"), "if content:\n")
    declines(before, nested, reason="indentation")


MANY = """\
def import_invoices(session, archive, currency, customers):
    rejected = []
    for invoice in archive.read_invoices(currency=currency):
        customer = customers.lookup(invoice.customer_number)
        if customer is None:
            rejected.append(invoice)
            continue
        payment = session.create_payment(customer, amount=invoice.total, reference=invoice.number)
        session.remember(payment, source=archive.location, created=invoice.issued)
        if payment.needs_review:
            notify_accounting(payment)
            session.flag(payment)
    return rejected
"""


def test_a_very_long_match_gives_the_block() -> None:
    expected = "            notify_accounting(payment)\n            session.flag(payment)"
    check(cut(MANY, "needs_review:\n"), MANY, expected=expected)
    check(cut(MANY, "needs_review:"), MANY, expected="\n" + expected)
    check(cut(MANY, "if payment.needs_"), MANY, expected="review:\n" + expected)


def test_a_block_ends_where_it_ends_elsewhere_and_where_places_differ() -> None:
    check(cut(MANY, "session.flag("), MANY, expected="payment)")
    other = MANY.replace("session.flag", "session.hold")
    check(cut(MANY, "needs_review:\n"), MANY, other, expected="            notify_accounting(payment)")


def test_a_shorter_match_gives_one_line() -> None:
    check(
        cut(LOADED, "with_suffix(suffix)\n"), LOADED, LOADED.upper() + LOADED,
        expected='    content = path.read_text(encoding="utf-8")',
    )  # fmt: skip


USE = "if isinstance(node, ast.Call) and node.args:\n    visit(node.func, {0})\n"


def test_several_places_that_agree_need_fewer_words_than_one_alone() -> None:
    text = "if isinstance(node, ast.Call) and node.args:\n    visit(node.func, │"
    declines(text, USE.format("depth"), reason="short")
    check(text, USE.format("depth"), "x = 1\n" + USE.format("depth"), expected="depth)")


def test_a_short_match_is_not_enough_wherever_it_stands() -> None:
    declines("if node.args:\n    visit(│", *["if node.args:\n    visit(depth)\n"] * 3, reason="short")


def test_places_that_do_not_agree_give_no_answer() -> None:
    text = "if isinstance(node, ast.Call) and node.args:\n    visit(node.func, │"
    declines(text, USE.format("depth"), USE.format("level"), reason="ambiguous")
    declines(text, *[USE.format("depth")] * 2, USE.format("level"), reason="ambiguous")
    check(text, *[USE.format("depth")] * 3, USE.format("level"), expected="depth)")


def test_the_longest_match_decides() -> None:
    text = "x = 1\n" + cut(LOADED, "return parse_settings(")
    nearly = LOADED.replace("load_settings", "other").replace("content, strict", "wrong, strict")
    check(text, nearly, nearly, nearly, "x = 1\n" + LOADED, expected="content, strict=strict)")


@pytest.mark.parametrize(
    ("text", "others", "reason"),
    [
        ("│", (LOADED,), "short"),
        ("return parse_settings(│", (LOADED,), "short"),
        ("a = b = c = d = e = f = g = h = │", (LOADED,), "no match"),
        ("a = b = c = d = e = f = g = h = │", (), "no match"),
        (cut(LOADED, "strict=strict)"), (LOADED,), "nothing follows"),
        (cut(LOADED, "strict=strict)\n"), (LOADED,), "no match"),
        (cut(LOADED, "strict=strict)\n"), (LOADED + "\n\n",), "nothing follows"),
    ],
)
def test_no_answer_has_its_reason(text: str, others: tuple[str, ...], reason: str) -> None:
    declines(text, *others, reason=reason)


def test_what_stands_after_the_cursor_is_kept() -> None:
    check(cut(LOADED, "return parse_settings(") + ")\n", LOADED, expected="content, strict=strict")
    declines(cut(LOADED, "return parse_settings(") + "]\n", LOADED, reason="text after")
    declines(cut(LOADED, "return parse_settings(") + "content, strict=strict)\n", LOADED, reason="nothing follows")


def test_a_line_that_is_there_already_is_not_wanted_twice() -> None:
    before = cut(LOADED, 'encoding="utf-8")\n')
    declines(before + "\n    return parse_settings(content, strict=strict)\n", LOADED, reason="already there")


def test_a_block_that_is_there_already_is_not_wanted_twice() -> None:
    below = "\n            notify_accounting(payment)\n            session.hold(payment)\n"
    declines(cut(MANY, "needs_review:") + below, MANY, reason="already there")


def test_a_line_as_long_as_data_is_not_copied() -> None:
    other = LOADED.replace("content, strict=strict", "content" + ", 12345" * 40)
    declines(cut(LOADED, "return parse_settings("), other, reason="nothing follows")


ALPHABET = string.ascii_letters + string.digits
KEY = "".join(ALPHABET[(n * n * 7 + n * 13) % 62] for n in range(40))
CLIENT = """\
client = Client(endpoint=settings.endpoint, timeout=settings.timeout, retries=settings.retries)
client.connect(region=settings.region, cluster=settings.cluster, tenant=settings.tenant)
client.{name} = "{value}"
"""
PEM = """\
HEADER = load(settings, region, cluster, tenant, retries, timeout, endpoint, client, connect)
KEY = '''-----BEGIN RSA PRIVATE KEY-----
{body}
-----END RSA PRIVATE KEY-----'''
"""


@pytest.mark.parametrize(
    "at", ['client.api_key = "', "client.api_key = ", "client.api_key", "tenant=settings.tenant)\n"]
)
def test_a_secret_is_not_copied(at: str) -> None:
    other = CLIENT.format(name="api_key", value=KEY)
    declines(cut(other, at), other, reason="secret")
    harmless = CLIENT.format(name="api_key", value="example")
    assert ask(cut(harmless, at), harmless).text is not None


def test_a_line_that_looks_like_a_secret_only_at_the_cursor_is_not_copied() -> None:
    lines = "region: {0}\nendpoint: {0}\ncluster: {0}\ntimeout: 30\nretries: 5\nauth_token: ".format("north")
    other = "deep:\n" + "".join(f"{' ' * 20}{line}\n" for line in (lines + KEY).splitlines())
    declines(lines + "│", other, other, reason="secret")


def test_a_line_of_a_private_key_is_not_copied() -> None:
    body = "\n".join(KEY[n:] + KEY[:n] for n in range(20))
    other = PEM.format(body=body)
    declines(cut(other, "PRIVATE KEY-----\n"), other, reason="secret")
    tail = other[other.index(KEY[9:] + KEY[:9]) :]
    assert copying.copy_completion(build_index(tail[:390]), [build_index(other)]).text is None


def test_an_answer_says_what_it_rests_on() -> None:
    found = ask(cut(LOADED, "return parse_settings("), LOADED, "x = 1\n" + LOADED)
    assert (found.tokens, found.places) == (len(copying._TOKEN.findall(cut(LOADED, "return parse_settings(")[:-1])), 2)


_code = st.lists(
    st.sampled_from(["def f(a):\n", "    return a\n", "x = 1\n", "\n", "  ", "\t", "name", "é", "(", "\r\n", "\x0c"]),
    max_size=30,
).map("".join)  # fmt: skip


@given(_code, _code, _code)
def test_an_index_that_grew_is_as_one_that_was_built(same: str, old: str, new: str) -> None:
    grown = build_index(same + new, earlier=build_index(same + old))
    built = build_index(same + new)
    assert grown.text == built.text
    assert all(
        getattr(grown, part).tolist() == getattr(built, part).tolist() for part in ("ids", "starts", "ends", "ngrams")
    )


def test_lines_that_are_the_same_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    text = LOADED * 100
    earlier = build_index(text)
    grown = build_index(text + "x", earlier=earlier)
    assert grown.ids[:-2].tolist() == earlier.ids[:-1].tolist()
    read: list[int] = []
    monkeypatch.setattr(copying, "_TOKEN", _Counting(read))
    build_index(text + "xy", earlier=grown)
    build_index(text[:-20], earlier=grown)
    build_index(text[:-20] + "changed", earlier=grown)
    assert all(length < 100 for length in read)


class _Counting:
    """The pattern of tokens, which notes how many characters it is given."""

    def __init__(self, read: list[int]) -> None:
        self._read = read
        self._pattern = copying._TOKEN

    def findall(self, text: str, at: int = 0) -> list[str]:
        self._read.append(len(text) - at)
        return self._pattern.findall(text, at)


@given(_code, st.lists(_code, max_size=3), _code)
def test_any_text_is_taken(before: str, others: list[str], after: str) -> None:
    found = copy_completion(build_index(before), [build_index(other) for other in others], after=after)
    assert (found.text is None) != (found.reason is None)


def test_the_completer_keeps_indexes_by_their_contents_and_drops_the_oldest() -> None:
    completer = CopyCompleter(characters=3 * len(LOADED))
    first = completer.index_of(LOADED)
    assert completer.index_of("".join(LOADED)) is first
    second = completer.index_of(LOADED + "a")
    completer.index_of(LOADED)
    completer.index_of(LOADED + "b")
    assert completer.index_of(LOADED) is first
    assert completer.index_of(LOADED + "a") is not second


def test_a_line_as_long_as_data_is_not_looked_up() -> None:
    before = LOADED + "0, " * 5000
    assert CopyCompleter().complete(before, [before * 2]).reason == "long line"


def test_the_completer_follows_what_is_typed() -> None:
    completer = CopyCompleter()
    before = cut(LOADED, "return ")[:-1]
    answers = [completer.complete(before + typed, [LOADED]).text for typed in ("", "p", "parse_", "q", "")]
    rest = "parse_settings(content, strict=strict)"
    assert answers == [rest, rest[1:], rest[6:], None, rest]
