"""Every command through the installed console script, on real projects in real sandboxes."""

from __future__ import annotations

import json
import re
import signal
import subprocess

import psutil
import pytest

from tests.cli.conftest import Assay

SHOP = {
    "shop.py": """
        def total(prices):
            result = 1
            for price in prices:
                result += price
            return result


        def least(prices):
            return min(prices)
    """,
    "tests/test_shop.py": """
        from shop import least, total


        def test_total():
            assert total([2, 3]) == 5


        def test_nothing():
            assert total([]) == 0


        def test_least():
            assert least([2, 1]) == 1
    """,
}
PATCH = """\
--- a/shop.py
+++ b/shop.py
@@ -1,5 +1,5 @@
 def total(prices):
-    result = 1
+    result = 0
     for price in prices:
         result += price
     return result
"""


def test_fix_prints_a_diff_and_applies_it_on_request(assay: Assay) -> None:
    root = assay.project(SHOP)
    before = (root / "shop.py").read_text()
    said = assay("fix", root, "--test", "tests/test_shop.py")
    assert said.code == 0, said
    assert "-    result = 1\n+    result = 0\n" in said.out
    assert "verified" in said.out
    assert "\x1b" not in said.out + said.err
    assert "small changes" in said.err
    assert (root / "shop.py").read_text() == before

    said = assay("fix", root, "--file", "shop.py", "--line", "3", "--apply", "--json")
    assert said.code == 0, said
    answer = said.json
    assert answer["grade"] == "verified"
    assert answer["applied"]
    assert answer["candidates"] > 10
    assert answer["title"]
    assert answer["still_failing"] == []
    assert (root / "shop.py").read_text() == before.replace("result = 1", "result = 0")

    kept = assay("receipt", answer["receipt"]["id"], "--json")
    assert kept.code == 0
    assert kept.json["receipt"] == answer["receipt"] == assay("receipt", "--json").json["receipt"]
    shown = assay("receipt").out
    assert "failed -> passed  tests/test_shop.py::test_total" in shown
    assert "ran under gvisor" in shown

    said = assay("fix", root, "--test", "tests/test_shop.py", "--json")
    assert said.code == 1
    assert said.json["reason"] == "Nothing to fix: tests/test_shop.py already passes."


def test_verify(assay: Assay) -> None:
    root = assay.project(SHOP)
    (assay.folder / "fix.patch").write_text(PATCH)
    said = assay("verify", root, "--patch", "fix.patch", "--json")
    assert said.code == 0, said
    assert said.json["grade"] == "verified"
    assert said.json["diff"].endswith(" def least(prices):\n") or "+    result = 0" in said.json["diff"]
    assert (root / "shop.py").read_text().count("result = 1") == 1, "verify writes nothing"

    worse = PATCH.replace("result = 0", "result = 9")
    said = assay("verify", root, "--patch", "-", "--json", stdin=worse.encode())
    assert said.code == 1
    assert said.json["grade"] == "failed"


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (b"", "The patch is empty."),
        (b"nonsense", "does not apply"),
        (
            PATCH.replace("a/shop", "a/../shop").replace("b/shop", "b/../shop").encode(),
            "outside what an edit may touch",
        ),
        (PATCH.replace("for price", "for prices").encode(), "does not apply"),
    ],
)
def test_a_patch_that_is_refused(patch: bytes, reason: str, assay: Assay) -> None:
    said = assay("verify", assay.project(SHOP), "--patch", "-", "--json", stdin=patch)
    assert said.code == 2
    assert said.json["grade"] == "failed"
    assert reason in said.json["reason"]


def test_run(assay: Assay) -> None:
    root = assay.project(SHOP)
    said = assay("run", root, "--json")
    assert said.code == 1
    answer = said.json
    assert answer["counts"] == {"failed": 2, "passed": 1}
    failed = next(test for test in answer["tests"] if test["id"] == "tests/test_shop.py::test_total")
    assert (failed["outcome"], failed["path"], failed["line"]) == ("failed", "tests/test_shop.py", 5)
    assert "assert 6 == 5" in failed["message"]

    said = assay("run", root, "--test", "tests/test_shop.py::test_least")
    assert said.code == 0, said
    assert said.out.startswith("checked  1 passed.")

    empty = assay.project({"shop.py": "x = 1\n"}, "empty")
    said = assay("run", empty, "--json")
    assert said.code == 1
    assert "no tests" in said.json["reason"].lower()


def test_doctor(assay: Assay) -> None:
    root = assay.project(SHOP)
    said = assay("doctor", root, "--json")
    assert said.code == 0, said
    checks = {check["name"]: check for check in said.json["checks"]}
    assert checks["sandbox"]["status"] == checks["no network"]["status"] == "ok"
    assert "gvisor" in checks["sandbox"]["detail"]

    said = assay("doctor", root, "--json", ASSAY_SANDBOX_RUNSC="/nowhere/runsc", ASSAY_PYTHON="/nowhere/python")
    assert said.code == 1
    checks = {check["name"]: check for check in said.json["checks"]}
    for name in ("sandbox", "no network", "Python", "pytest"):
        assert checks[name]["status"] == "failed"
        assert checks[name]["advice"]
    assert "FAILED" in assay("doctor", root, ASSAY_SANDBOX_RUNSC="/nowhere/runsc").out


COMMANDS = [
    ("fix", ("--test", "tests")),
    ("verify", ("--patch", "fix.patch")),
    ("run", ()),
]


@pytest.mark.parametrize(("command", "options"), COMMANDS)
def test_bad_input_gets_one_sentence(command: str, options: tuple[str, ...], assay: Assay) -> None:
    (assay.folder / "fix.patch").write_text(PATCH)
    root = assay.project(SHOP)

    said = assay(command, assay.folder / "nowhere", *options, "--json")
    assert said.code == 2
    assert "does not exist" in said.json["reason"]

    said = assay(command, root, *options, "--json", ASSAY_PYTHON="/nowhere/python")
    assert said.code == 2
    assert "/nowhere/python" in said.json["reason"]

    said = assay(command, root, *options, "--json", ASSAY_TRUST="untrusted")
    assert said.code == 1
    assert said.json["grade"] == "unverified"
    assert "not trusted" in said.json["reason"]

    said = assay(command, root, *options, "--json", ASSAY_SANDBOX_RUNSC="/nowhere/runsc")
    assert said.code == 1
    assert said.json["grade"] == "unverified"
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "either --test ID, or --file F and --line N"),
        (("--test", "a", "--file", "b", "--line", "1"), "either --test ID, or --file F and --line N"),
        (("--file", "shop.py"), "either --test ID, or --file F and --line N"),
        (("--file", "shop.py", "--line", "0"), "counts from 1"),
        (("--file", "shop.py", "--line", "99"), "no line 99"),
        (("--file", "none.py", "--line", "1"), "no file none.py"),
        (("--file", "../x.py", "--line", "1"), "is not inside the workspace"),
        (("--file", "shop.py", "--line", "three"), "invalid int value: 'three'; see assay fix --help"),
        (("--file", "large.py", "--line", "1"), "large.py is left out of the sandbox"),
        (("--test=-p",), "-p is no test"),
    ],
)
def test_arguments_that_make_no_sense(options: tuple[str, ...], reason: str, assay: Assay) -> None:
    root = assay.project(SHOP)
    (root / "large.py").write_bytes(b"x" * 50_000_000)
    said = assay("fix", root, *options, "--json")
    assert said.code == 2
    assert re.search(reason, said.json["reason"])


def test_receipts_that_are_not_there(assay: Assay) -> None:
    for arguments, reason in (
        ((), "no receipts yet"),
        (("20200101-000000-abcdef",), "no receipt"),
        (("../x",), "no receipt"),
    ):
        said = assay("receipt", *arguments, "--json")
        assert said.code == 1
        assert reason in said.json["reason"]


def test_ctrl_c_ends_everything(assay: Assay) -> None:
    root = assay.project(SHOP | {"tests/test_slow.py": "import time\ndef test_slow():\n    time.sleep(100)\n"})
    process = subprocess.Popen(
        [assay.command, "run", str(root), "--json"], env=assay.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b"tests" in line:  # some have run, and the slow one is running
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["reason"] == "Stopped before there was a result."
    left = [found.info["cmdline"] or [] for found in psutil.process_iter(["cmdline"])]
    assert not [words for words in left if any(str(assay.state) in word for word in words)]


def test_the_demonstration(assay: Assay) -> None:
    temporary = assay.folder / "tmp"
    temporary.mkdir()
    said = assay("demo", "--json", TMPDIR=str(temporary))
    assert said.code == 0, said
    answer = said.json
    assert answer["grade"] == "verified"
    assert answer["receipt"]["isolation"].startswith("gvisor")
    assert "+            if taken.start - cursor >= length:" in answer["diff"]
    assert "Starting the language server" in said.err
    assert not list(temporary.iterdir())


def test_index_search_and_map(assay: Assay) -> None:
    root = assay.folder / "shop"
    root.mkdir()
    (root / "cart.py").write_text('def grand_total(prices):\n    """Sum of the basket."""\n    return sum(prices)\n')
    (root / "main.py").write_text("from cart import grand_total\n\nprint(grand_total([1]))\n")
    (root / ".env").write_text("BASKET_TOKEN=1\n")
    said = assay("index", root, "--json")
    assert said.code == 0
    assert json.loads(said.out)["phase"] == "ready"
    assert json.loads(said.out)["embedded"] == json.loads(said.out)["chunks"] == 2
    (hit, *_) = json.loads(assay("search", root, "sum of the basket", "--json").out)["hits"]
    assert (hit["path"], hit["start_line"], hit["end_line"], hit["symbol"]) == ("cart.py", 1, 3, "grand_total")
    assert "cart.py:1-3  grand_total" in assay("search", root, "sum", "of", "the", "basket").out
    queries = '{"id": 7, "query": "sum of the basket"}\n\n{"id": "b", "query": "nothing like it: zeppelin"}\n'
    many = assay("search", root, "--queries", "-", stdin=queries.encode()).out
    lines = [json.loads(line) for line in many.splitlines()]
    assert [line["id"] for line in lines] == [7, "b"]
    assert lines[0]["hits"][0]["path"] == "cart.py"
    assert all(line["seconds"] >= 0 for line in lines)
    assert ".env" not in str(lines)
    assert "grand_total" in json.loads(assay("map", root, "--json").out)["map"]
    status = json.loads(assay("index", "status", root, "--json").out)
    assert status["languages"] == {"python": 2}
    assert status["progress"]["skipped"] == {"looks like a secret": 1}
    assert assay("index", root, "--rebuild", "--words").code in (0, 1)  # 1: the last command's host still has it


@pytest.mark.parametrize(
    "arguments",
    [
        ("index", "/nowhere"),
        ("index", "frob", "."),
        ("index", "migrate", "."),
        ("search", "."),
        ("search", ".", "x", "-k", "0"),
        ("search", ".", "--queries", "/nowhere.jsonl"),
        ("map", ".", "--tokens", "1"),
        ("map", ".", "--focus", "../../etc/passwd"),
    ],
)
def test_an_index_command_without_sense_is_refused_in_one_sentence(assay: Assay, arguments: tuple[str, ...]) -> None:
    said = assay(*arguments, "--json")
    assert said.code == 2
    assert len(json.loads(said.out)["reason"]) > 10


def test_a_reader_that_has_enough_sees_no_traceback(assay: Assay) -> None:
    root = assay.project({f"m{at}.py": f"def function_{at}():\n    return {at}\n" for at in range(40)})
    reader = f"{assay.command} search {root} function -k 40 --words | head -1"
    done = subprocess.run(["bash", "-c", reader], capture_output=True, env=assay.env, timeout=280, check=True)
    assert done.stdout.count(b"\n") == 1
    assert b"Traceback" not in done.stderr
