"""What follows from a change by rule: a change in one file, and the files as they should be then."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from assist.nextedit.cause import cause_of, edits_in, kind_of
from assist.nextedit.trail import Trail
from assist.nextedit.values import Change, Edit, File


@dataclass(frozen=True, kw_only=True)
class Case:
    before: str
    after: str
    then: str = ""
    """The same file once all that follows was done; empty when nothing does."""
    kind: str = ""
    path: str = "shop.py"
    language: str = "python"
    others: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """Other files by path, before and then."""
    elsewhere: dict[str, int] = field(default_factory=dict[str, int])


CASES = {
    "a function, in its file and where it is imported": Case(
        before="def total(xs):\n    return sum(xs)\n\n\nprint(total([1]))\n",
        after="def add_up(xs):\n    return sum(xs)\n\n\nprint(total([1]))\n",
        then="def add_up(xs):\n    return sum(xs)\n\n\nprint(add_up([1]))\n",
        kind="rename",
        others={
            "till.py": (
                "from shop import total\n\nx = total([2])\n# total\n",
                "from shop import add_up\n\nx = add_up([2])\n# total\n",
            ),
            "over.py": ("import shop\n\nx = shop.total([2])\n", "import shop\n\nx = shop.add_up([2])\n"),
            "alias.py": ("import shop as s\ns.total([2])\n", "import shop as s\ns.add_up([2])\n"),
            "stranger.py": ("from bank import total\n\nx = total([2])\n", ""),
            "own.py": ("def f(total):\n    return total\n", ""),
        },
    ),
    "a function that a local variable hides": Case(
        before="def total():\n    pass\n\n\ndef f():\n    total = 1\n    return total\n\n\ntotal()\n",
        after="def add_up():\n    pass\n\n\ndef f():\n    total = 1\n    return total\n\n\ntotal()\n",
        then="def add_up():\n    pass\n\n\ndef f():\n    total = 1\n    return total\n\n\nadd_up()\n",
        kind="rename",
    ),
    "a keyword of the same name is another's": Case(
        before="def total():\n    pass\n\n\ng(total=total)\n",
        after="def add_up():\n    pass\n\n\ng(total=total)\n",
        then="def add_up():\n    pass\n\n\ng(total=add_up)\n",
        kind="rename",
    ),
    "a local variable, in its function": Case(
        before="def f(xs):\n    acc = 0\n    for x in xs:\n        acc += x\n    return acc\n\n\nacc = 3\n",
        after="def f(xs):\n    result = 0\n    for x in xs:\n        acc += x\n    return acc\n\n\nacc = 3\n",
        then="def f(xs):\n    result = 0\n    for x in xs:\n        result += x\n    return result\n\n\nacc = 3\n",
        kind="rename",
    ),
    "a method, wherever it is called": Case(
        before="class Cart:\n    def total(self):\n        return self.net()\n\n    def net(self):\n        return 1\n",
        after="class Cart:\n    def total(self):\n        return self.net()\n\n    def without_tax(self):\n"
        "        return 1\n",
        then="class Cart:\n    def total(self):\n        return self.without_tax()\n\n    def without_tax(self):\n"
        "        return 1\n",
        kind="rename",
        others={"till.py": ("def f(cart):\n    return cart.net()\n", "def f(cart):\n    return cart.without_tax()\n")},
    ),
    "a method that others have, too, over self only": Case(
        before="class Cart:\n    def get(self):\n        return self.get()\n",
        after="class Cart:\n    def fetch(self):\n        return self.get()\n",
        then="class Cart:\n    def fetch(self):\n        return self.fetch()\n",
        kind="rename",
        others={"till.py": ("def f(cart):\n    return cart.get()\n", "")},
        elsewhere={"get": 2},
    ),
    "an attribute of self": Case(
        before="class A:\n    def g(self):\n        self.x1 = 1\n\n    def f(self):\n        return self.x1, x1\n",
        after="class A:\n    def g(self):\n        self.size = 1\n\n    def f(self):\n        return self.x1, x1\n",
        then="class A:\n    def g(self):\n        self.size = 1\n\n    def f(self):\n        return self.size, x1\n",
        kind="rename",
    ),
    "an import's name": Case(
        before="import numpy as n\n\nn.zeros(n.pi)\n",
        after="import numpy as np\n\nn.zeros(n.pi)\n",
        then="import numpy as np\n\nnp.zeros(np.pi)\n",
        kind="rename",
    ),
    "a use goes on with a rename that was begun": Case(
        before="def add_up():\n    pass\n\n\ntotal()\nprint(total())\n",
        after="def add_up():\n    pass\n\n\nadd_up()\nprint(total())\n",
        then="def add_up():\n    pass\n\n\nadd_up()\nprint(add_up())\n",
        kind="rename",
    ),
    "a variable of JavaScript": Case(
        path="a.js",
        language="javascript",
        before="const width = 1;\nf(width, o.width); // width\n",
        after="const size = 1;\nf(width, o.width); // width\n",
        then="const size = 1;\nf(size, o.width); // width\n",
        kind="rename",
    ),
    "unicode names": Case(
        before="größe = 1\nprint('😀', größe)\n",
        after="weite = 1\nprint('😀', größe)\n",
        then="weite = 1\nprint('😀', weite)\n",
        kind="rename",
    ),
    "a parameter renamed: its uses, and keywords of calls": Case(
        before="def fits(size, limit):\n    return size < limit\n\n\nfits(1, limit=3)\nfits(size=1, limit=2)\n",
        after="def fits(size, most):\n    return size < limit\n\n\nfits(1, limit=3)\nfits(size=1, limit=2)\n",
        then="def fits(size, most):\n    return size < most\n\n\nfits(1, most=3)\nfits(size=1, most=2)\n",
        kind="signature",
        others={"till.py": ("from shop import fits\nfits(2, limit=9)\n", "from shop import fits\nfits(2, most=9)\n")},
    ),
    "a parameter added: the name where it is known, else a gap": Case(
        before="def f(a):\n    return a\n\n\ndef g(rate):\n    return f(1)\n\n\nf(2)\n",
        after="def f(a, rate):\n    return a\n\n\ndef g(rate):\n    return f(1)\n\n\nf(2)\n",
        then="def f(a, rate):\n    return a\n\n\ndef g(rate):\n    return f(1, rate)\n\n\nf(2, ...)\n",
        kind="signature",
    ),
    "a parameter added with a default: calls are as they were": Case(
        before="def f(a):\n    return a\n\n\nf(2)\n",
        after="def f(a, b=1):\n    return a\n\n\nf(2)\n",
        kind="signature",
    ),
    "a parameter removed": Case(
        before="def f(a, b, c=0):\n    return a\n\n\nf(1, g(2, 3), 4)\nf(1, b=2)\nf(*xs)\n",
        after="def f(a, c=0):\n    return a\n\n\nf(1, g(2, 3), 4)\nf(1, b=2)\nf(*xs)\n",
        then="def f(a, c=0):\n    return a\n\n\nf(1, 4)\nf(1)\nf(*xs)\n",
        kind="signature",
    ),
    "parameters in another order": Case(
        before="def f(a, b):\n    return a\n\n\nf(1, x)\nf(b=1, a=2)\n",
        after="def f(b, a):\n    return a\n\n\nf(1, x)\nf(b=1, a=2)\n",
        then="def f(b, a):\n    return a\n\n\nf(x, 1)\nf(b=1, a=2)\n",
        kind="signature",
    ),
    "a method's parameter, over lines": Case(
        before="class A:\n    def f(self, a):\n        pass\n\n\ndef g(o):\n    o.f(\n        1,\n    )\n",
        after="class A:\n    def f(self, a, b):\n        pass\n\n\ndef g(o):\n    o.f(\n        1,\n    )\n",
        then="class A:\n    def f(self, a, b):\n        pass\n\n\n"
        "def g(o):\n    o.f(\n        1,\n        ...,\n    )\n",
        kind="signature",
    ),
    "calls in calls: the inner one first": Case(
        before="def f(a):\n    return a\n\n\nf(f(1))\n",
        after="def f(a, b):\n    return a\n\n\nf(f(1))\n",
        then="def f(a, b):\n    return a\n\n\nf(f(1, ...))\n",
        kind="signature",
    ),
    "a constructor": Case(
        before="class A:\n    def __init__(self, a):\n        self.a = a\n\n\nA(1)\n",
        after="class A:\n    def __init__(self, a, *, b):\n        self.a = a\n\n\nA(1)\n",
        then="class A:\n    def __init__(self, a, *, b):\n        self.a = a\n\n\nA(1, b=...)\n",
        kind="signature",
    ),
    "the same change of the text again": Case(
        before="print(a)\nx = 1\nprint(b)\n",
        after="log.info(a)\nx = 1\nprint(b)\n",
        then="log.info(a)\nx = 1\nlog.info(b)\n",
        kind="repeat",
    ),
    "what was done already is not done again": Case(
        before='open(path)\nopen(path, encoding="utf-8")\nopen(path)\n',
        after='open(path, encoding="utf-8")\nopen(path, encoding="utf-8")\nopen(path)\n',
        then='open(path, encoding="utf-8")\nopen(path, encoding="utf-8")\nopen(path, encoding="utf-8")\n',
        kind="repeat",
    ),
    "new text at the end of a line says nothing": Case(
        before="x = total\ny = total\n", after="x = total + 1\ny = total\n"
    ),
    "too little to be a pattern": Case(before="a = 1\nb = 1\n", after="a = 2\nb = 1\n"),
    "a new line": Case(before="a = total(1)\nb = total(1)\n", after="a = total(1)\nc = 3\nb = total(1)\n"),
    "a comment": Case(before="# total(1)\n# total(1)\n", after="# total(2)\n# total(1)\n"),
    "another definition of the name stays": Case(
        before="def total():\n    pass\n\n\ndef total():\n    pass\n\n\ntotal()\n",
        after="def add_up():\n    pass\n\n\ndef total():\n    pass\n\n\ntotal()\n",
        kind="rename",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_follows(case: Case) -> None:
    change = changed(case)
    cause = cause_of(change, (), case.elsewhere)
    assert kind_of(cause) == case.kind
    edits = edits_in(cause, change.file) if cause is not None else []
    assert applied(case.after, edits) == (case.then or case.after)
    for path, (before, then) in case.others.items():
        file = File(document=path, path=path, language=case.language, text=before)
        assert cause is not None
        assert applied(before, edits_in(cause, file)) == (then or before), path


def test_what_was_done_twice_may_be_done_again() -> None:
    first = changed(Case(before="x = total\n", after="x = total + 1\n"))
    second = changed(Case(before="y = total\nz = total\n", after="y = total + 1\nz = total\n"))
    assert cause_of(second) is None
    cause = cause_of(second, (first,))
    assert cause is not None
    assert applied(second.file.text, edits_in(cause, second.file)) == "y = total + 1\nz = total + 1\n"


def changed(case: Case) -> Change:
    """As a document would have noted it when the whole text was sent."""
    trail = Trail()
    trail.rewritten(case.before.splitlines(keepends=True), case.after.splitlines(keepends=True))
    [burst] = trail.newest()
    file = File(document=case.path, path=case.path, language=case.language, text=case.after, version=2)
    change = Change(file=file, first=burst.first, before="".join(burst.before), after="".join(burst.after))
    assert change.text_before == case.before
    return change


def applied(text: str, edits: list[Edit]) -> str:
    for edit in sorted(edits, key=lambda each: -each.start):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text
