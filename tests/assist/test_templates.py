"""Each template, on the smallest code that has its fault."""

from __future__ import annotations

import ast

import pytest

from assist.repair.rank import PRIORS
from assist.repair.scope import Clues, scopes
from assist.repair.source import apply, parse
from assist.repair.templates import TEMPLATES, mutations

_NOTHING = Clues()


def edits(code: str, clues: Clues = _NOTHING) -> dict[str, list[str]]:
    """Resulting texts by template."""
    source = parse("module.py", code.encode())
    assert source is not None
    found: dict[str, list[str]] = {}
    for scope in scopes(source):
        for mutation in mutations(scope, clues):
            found.setdefault(mutation.template, []).append(apply(source.raw, mutation.splices).decode())
    return found


CASES = [
    ("comparison", "def f(a, b):\n    return a < b\n", "def f(a, b):\n    return a <= b\n"),
    ("comparison", "def f(a):\n    return (a) is  not (1 + 2)\n", "def f(a):\n    return (a) is (1 + 2)\n"),
    (
        "comparison",
        "def f(a, b):\n    return (\n        a  # < not here\n        < b\n    )\n",
        "def f(a, b):\n    return (\n        a  # < not here\n        <= b\n    )\n",
    ),
    ("arithmetic", "def f(a, b):\n    return a + b\n", "def f(a, b):\n    return a - b\n"),
    ("arithmetic", "def f(a, b):\n    return a - b\n", "def f(a, b):\n    return b - a\n"),
    ("arithmetic", "def f(n):\n    t = 0\n    t -= n\n", "def f(n):\n    t = 0\n    t += n\n"),
    ("sign", "def f(x):\n    return -x\n", "def f(x):\n    return x\n"),
    ("condition", "def f(a, b):\n    return a and b\n", "def f(a, b):\n    return a or b\n"),
    (
        "condition",
        "def f(a, b, c):\n    if a and (b or c):\n        return 1\n",
        "def f(a, b, c):\n    if (b or c):\n        return 1\n",
    ),
    ("negation", "def f(a):\n    if not a:\n        return 1\n", "def f(a):\n    if a:\n        return 1\n"),
    ("negation", "def f(a):\n    if a.x:\n        return 1\n", "def f(a):\n    if not a.x:\n        return 1\n"),
    (
        "none_test",
        "def f(a):\n    if a:\n        return 1\n",
        "def f(a):\n    if a is not None:\n        return 1\n",
    ),
    ("none_test", "def f(a, b):\n    a = a or b\n", "def f(a, b):\n    a = (b if a is None else a)\n"),
    ("off_by_one", "def f(n):\n    return range(n)\n", "def f(n):\n    return range(n + 1)\n"),
    ("off_by_one", "def f(x, n):\n    return x[n - 1]\n", "def f(x, n):\n    return x[n]\n"),
    ("bound", "def f(x):\n    return x[1:]\n", "def f(x):\n    return x\n"),
    ("bound", "def f(x):\n    return x[0]\n", "def f(x):\n    return x[-1]\n"),
    ("constant", "LIMIT = 10\n", "LIMIT = 9\n"),
    ("constant", "def f():\n    return True\n", "def f():\n    return False\n"),
    ("constant", "def f(x):\n    return x[-1]\n", "def f(x):\n    return x[0]\n"),
    ("initial_value", "def f():\n    found = []\n", "def f():\n    found = {}\n"),
    ("variable", "def f(start, end):\n    return start\n", "def f(start, end):\n    return end\n"),
    ("attribute", "def f(s):\n    return s.lower()\n", "def f(s):\n    return s.upper()\n"),
    (
        "attribute",
        "class A:\n    def f(self):\n        return self.x + self.y\n",
        "class A:\n    def f(self):\n        return self.y + self.y\n",
    ),
    ("function_name", "def f(x):\n    return min(x)\n", "def f(x):\n    return max(x)\n"),
    ("arguments", "def f(a, b):\n    g(a,  b)\n", "def f(a, b):\n    g(b,  a)\n"),
    ("arguments", "def f(x):\n    return sorted(x)\n", "def f(x):\n    return sorted(x, reverse=True)\n"),
    (
        "arguments",
        "def g(x, deep=False): ...\ndef f(x, deep):\n    g(x)\n",
        "def g(x, deep=False): ...\ndef f(x, deep):\n    g(x, deep=deep)\n",
    ),
    ("wrap", "def f(x):\n    return x\n", "def f(x):\n    return sorted(x)\n"),
    ("wrap", "def f(x):\n    return x\n", "def f(x):\n    return x.strip()\n"),
    ("unwrap", "def f(x):\n    return list(x)\n", "def f(x):\n    return x\n"),
    ("missing_call", "async def f(x):\n    y = g(x)\n", "async def f(x):\n    y = await g(x)\n"),
    ("missing_call", "def f(x):\n    return x.total\n", "def f(x):\n    return x.total()\n"),
    ("lookup", "def f(d, k):\n    return d[k]\n", "def f(d, k):\n    return d.get(k, 0)\n"),
    ("returned", "def f(a):\n    b = a\n    return a\n", "def f(a):\n    b = a\n    return b\n"),
    ("returned", "def f(a):\n    b = [a]\n", "def f(a):\n    b = [a]\n    return b\n"),
    ("returned", "def f(a):\n    b = [a]", "def f(a):\n    b = [a]\n    return b\n"),
    ("returned", "def f(a):\n    g(a)\n", "def f(a):\n    return g(a)\n"),
    (
        "loop_exit",
        "def f(x):\n    for y in x:\n        break\n",
        "def f(x):\n    for y in x:\n        continue\n",
    ),
    ("order", "def f(x):\n    a()\n    b()  # b\n", "def f(x):\n    b()  # b\n    a()\n"),
    (
        "nesting",
        "def f(x):\n    for y in x:\n        g(y)\n        return 1\n",
        "def f(x):\n    for y in x:\n        g(y)\n    return 1\n",
    ),
    ("removal", "def f(x):\n    x = 1  # why\n    return x\n", "def f(x):\n    return x\n"),
    (
        "mutable_default",
        'def f(x, to=[]):\n    """Doc."""\n    to.append(x)\n',
        'def f(x, to=None):\n    """Doc."""\n    if to is None:\n        to = []\n    to.append(x)\n',
    ),
    (
        "guard",
        "def f(x):\n\treturn x.y\n",
        "def f(x):\n\tif x is None:\n\t\treturn None\n\treturn x.y\n",
    ),
    (
        "base_case",
        "def f(n):\n    return n * f(n - 1)\n",
        "def f(n):\n    if n <= 1:\n        return 1\n    return n * f(n - 1)\n",
    ),
    (
        "loop_guard",
        "def f(x):\n    for y in x:\n        g(y)\n",
        "def f(x):\n    for y in x:\n        if y is None:\n            continue\n        g(y)\n",
    ),
    ("fallback", "def f(a, b):\n    return a / b\n", "def f(a, b):\n    return a / b if b else 0\n"),
    ("arguments", "def f(x):\n    return enumerate(x)\n", "def f(x):\n    return enumerate(x, start=1)\n"),
    (
        "statement",
        "class A:\n    def f(self, k):\n        self.x.touch(k)\n    def g(self, k):\n        return k\n",
        "class A:\n    def f(self, k):\n        self.x.touch(k)\n    def g(self, k):\n"
        "        self.x.touch(k)\n        return k\n",
    ),
    ("grouping", "def f(v):\n    return (v + 32) * 9 / 5\n", "def f(v):\n    return v * 9 / 5 + 32\n"),
    ("grouping", "def f(a, b, c):\n    return a * (b - c)\n", "def f(a, b, c):\n    return a * b - c\n"),
    ("grouping", "def f(a, b, c):\n    return a + b * c\n", "def f(a, b, c):\n    return (a + b) * c\n"),
    ("pattern", "def f(s):\n    return re.sub(r'[^a-z]', s)\n", "def f(s):\n    return re.sub(r'[^a-z]+', s)\n"),
    ("pattern", "P = re.compile('^a.b')\n", "P = re.compile('^a\\\\.b')\n"),
    (
        "extra_condition",
        "def f(a, b):\n    if a < 1 or b:\n        return b > 2\n",
        "def f(a, b):\n    if (a < 1 or b) and b > 2:\n        return b > 2\n",
    ),
]


@pytest.mark.parametrize(("template", "before", "after"), CASES)
def test_offers_the_fix(template: str, before: str, after: str) -> None:
    assert after in edits(before)[template]


def test_uses_what_the_failure_says() -> None:
    waits = Clues(should_raise="ValueError")
    assert (
        'def f(n):\n    if n < 0:\n        raise ValueError("n must not be negative")\n    return n\n'
        in edits("def f(n):\n    return n\n", waits)["refusal"]
    )
    died = Clues(raised="ValueError")
    code = "def f(n):\n    try:\n        return int(n)\n    except TypeError:\n        return 0\n"
    assert code.replace("TypeError", "(TypeError, ValueError)") in edits(code, died)["handler"]
    lost = Clues(raised="NameError", missing="x")
    code = "class A:\n    def f(self):\n        return x\n"
    assert code.replace("return x", "return self.x") in edits(code, lost)["qualified"]
    wants = Clues(wanted=("'grey'",))
    assert "COLOUR = 'grey'\n" in edits("COLOUR = 'gray'\n", wants)["constant"]


NEW = {
    "early_exit": (
        "def f(xs):\n    xs = list(xs)\n    return xs[0]\n",
        "def f(xs):\n    xs = list(xs)\n    if not xs:\n        return None\n    return xs[0]\n",
        _NOTHING,
    ),
    "early_exit in a loop": (
        "def f(xs):\n    for x in xs:\n        x.go()\n",
        "def f(xs):\n    for x in xs:\n        if x is None:\n            continue\n        x.go()\n",
        Clues(raised="AttributeError"),
    ),
    "refused_here": (
        "class A:\n    def f(self, n):\n        self.left -= n\n",
        "class A:\n    def f(self, n):\n        if n > self.left:\n"
        '            raise ValueError("n is too large")\n        self.left -= n\n',
        Clues(should_raise="ValueError"),
    ),
    "conditional": ("def f(n):\n    return log(n)\n", "def f(n):\n    return log(n) if n else 0\n", _NOTHING),
    "item_filter": (
        "def f(s):\n    return [w[0] for w in s]\n",
        "def f(s):\n    return [w[0] for w in s if w]\n",
        _NOTHING,
    ),
    "type_test": (
        "def f(x, k):\n    if k not in x:\n        return 1\n",
        "def f(x, k):\n    if not isinstance(x, dict) or k not in x:\n        return 1\n",
        Clues(raised="TypeError"),
    ),
    "floor_at_zero": (
        "def f(n):\n    return '%d' % (n - 1)\n",
        "def f(n):\n    return '%d' % (max(0, n - 1))\n",
        _NOTHING,
    ),
    "block": (
        "def f(c):\n    if c == 1:\n        return 2\n    return 3\n\n\ndef g(c):\n    return 4\n",
        "def f(c):\n    if c == 1:\n        return 2\n    return 3\n\n\n"
        "def g(c):\n    if c == 1:\n        return 2\n    return 4\n",
        _NOTHING,
    ),
    "like_call": (
        "def f(p):\n    return read(p, strip=True)\n\n\ndef g(p):\n    return read(p)\n",
        "def f(p):\n    return read(p, strip=True)\n\n\ndef g(p):\n    return read(p, strip=True)\n",
        _NOTHING,
    ),
    "library_name": (
        "import os\n\n\ndef f(p):\n    return os.path.commonprefix(p)\n",
        "import os\n\n\ndef f(p):\n    return os.path.commonpath(p)\n",
        _NOTHING,
    ),
    "one_more": (
        "def f(s):\n    return s in ('.md', '.txt')\n",
        "def f(s):\n    return s in ('.md', '.txt', '.rst')\n",
        Clues(wanted=("'.rst'",)),
    ),
    "one_more type": (
        "def f(s):\n    return isinstance(s, str)\n",
        "def f(s):\n    return isinstance(s, (str, bytes))\n",
        _NOTHING,
    ),
    "step": (
        "def f(xs):\n    i = 0\n    for x in xs:\n        drop(x)\n",
        "def f(xs):\n    i = 0\n    for x in xs:\n        drop(x)\n        i -= 1\n",
        _NOTHING,
    ),
    "extra_condition by the class": (
        "class A:\n    def f(self):\n        if self.shut:\n            return 1\n\n"
        "    def g(self, x):\n        if x:\n            return 2\n",
        "class A:\n    def f(self):\n        if self.shut:\n            return 1\n\n"
        "    def g(self, x):\n        if x and not self.shut:\n            return 2\n",
        _NOTHING,
    ),
    "returned from a generator": (
        "def f(x):\n    if x:\n        f(x[1:])\n    else:\n        yield x\n",
        "def f(x):\n    if x:\n        yield from f(x[1:])\n    else:\n        yield x\n",
        _NOTHING,
    ),
    "off_by_one in a product": ("def f(n, k):\n    return n * k\n", "def f(n, k):\n    return (n - 1) * k\n", _NOTHING),
    "constant of a default": ("def f(n=3):\n    return n\n", "def f(n=4):\n    return n\n", _NOTHING),
}


@pytest.mark.parametrize("name", NEW)
def test_templates_from_real_fixes(name: str) -> None:
    before, after, clues = NEW[name]
    assert after in edits(before, clues)[name.partition(" ")[0]]


def test_keeps_every_other_byte() -> None:
    code = "# -*- coding: utf-8 -*-\r\ndef f(é, b):\r\n    return 'ü' if é < b else b\t# <\r\n"
    assert code.replace("é < b", "é <= b") in edits(code)["comparison"]
    marked = b"\xef\xbb\xbfdef f(a, b):\n    return a < b\n"
    source = parse("m.py", marked)
    assert source is not None
    [first, *_] = mutations(scopes(source)[0], Clues())
    assert apply(marked, first.splices) == marked.replace(b"<", b"<=")


def test_almost_everything_compiles() -> None:
    code = (
        "".join(before.rstrip() + "\n" for _, before, _ in CASES) + "async def g(a):\n    return [x for x in a if x]\n"
    )
    results = [text for texts in edits(code).values() for text in texts[:: 1 + len(texts) // 40]]
    broken = sum(not _compiles(text) for text in results)
    assert len(results) > 500
    assert broken / len(results) < 0.02


def test_refuses_what_it_cannot_read() -> None:
    assert parse("m.py", b"def f(:\n") is None
    assert parse("m.py", b"# coding: latin-1\nx = '\xe9'\n") is None
    assert parse("m.py", b"x = '\xe9'\n") is None
    assert parse("m.py", b"x = 1\x00\n") is None


def test_every_template_has_a_prior_and_a_case() -> None:
    named = {template.__name__ for template in TEMPLATES}
    assert named == set(PRIORS)
    cases = {template for template, _, _ in CASES} | {name.partition(" ")[0] for name in NEW}
    assert named - {"refusal", "handler", "qualified"} == cases


def _compiles(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True
