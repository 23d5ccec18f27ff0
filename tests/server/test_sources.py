from __future__ import annotations

import pytest

from server.sources import decode, encode


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é\r\n".encode(), "é\r\n"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        ("# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"), "# -*- coding: latin-1 -*-\nx = 'é'\n"),
        ("#!/bin/py\n# coding: cp1252\nx = '€'\n".encode("cp1252"), "#!/bin/py\n# coding: cp1252\nx = '€'\n"),
        (b"# coding: no-such-thing\n", "# coding: no-such-thing\n"),
        (b"", ""),
    ],
)  # fmt: skip
def test_bytes_and_text(data: bytes, text: str) -> None:
    assert decode(data) == text
    assert encode(text) == data.removeprefix(b"\xef\xbb\xbf")


def test_what_the_declared_encoding_does_not_have_is_utf_8() -> None:
    text = "# coding: latin-1\nx = '한'\n"
    assert encode(text) == text.encode()


def test_lone_surrogates_survive() -> None:
    assert decode(encode("\ud800")) == "\ud800"


def test_bytes_that_are_not_what_they_declare_are_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        decode(b"x = '\xe9'\n")
