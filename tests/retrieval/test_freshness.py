"""What changes in a workspace is found as it is now, whatever changed it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from retrieval.index.index import Index
from retrieval.index.progress import Progress
from tests.retrieval.desk import opened, paths, write

FILES = {
    "cart.py": "def total(prices):\n    return sum(prices)\n",
    "mail/post.py": "def deliver(letter):\n    return letter.address\n",
    "README.md": "# Shop\n\nSells lanterns.\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "shop", FILES)


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    """For what the system tells of in its own time."""
    async with asyncio.timeout(8):
        while not await what():
            await asyncio.sleep(0.02)


async def test_files_are_found_by_what_is_in_them(root: Path, tmp_path: Path) -> None:
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        assert (await paths(index, "address of a letter"))[0] == "mail/post.py"
        assert (await paths(index, "lanterns"))[0] == "README.md"
        assert index.manifest.counts()[0] == 3


async def test_an_unchanged_workspace_is_not_read_again(root: Path, tmp_path: Path) -> None:
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
    for path in FILES:
        os.utime(root / path, ns=(1, 10**18))  # long ago, and so not racy
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        assert index.indexer.writes == 1
    async with opened(root, tmp_path / "index") as index:
        assert (await paths(index, "lanterns"))[0] == "README.md"  # at once, before any look
        await index.lexical_ready()
        assert index.indexer.writes == 0


CHANGES: dict[str, tuple[Callable[[Path], object], dict[str, str], list[str]]] = {
    "an edit": (
        lambda r: (r / "cart.py").write_text("def grand_sum(x):\n    return x\n"),
        {"grand": "cart.py"},
        ["total"],
    ),
    "an atomic save": (
        lambda r: (
            (r / ".cart.py.swp").write_text("def grand():\n    pass\n"),
            (r / ".cart.py.swp").replace(r / "cart.py"),
        ),
        {"grand": "cart.py"},
        ["total"],
    ),
    "a rename": (lambda r: (r / "cart.py").rename(r / "basket.py"), {"prices": "basket.py"}, []),
    "a change of case": (lambda r: (r / "cart.py").rename(r / "Cart.py"), {"prices": "Cart.py"}, []),
    "a deletion": (lambda r: (r / "cart.py").unlink(), {}, ["prices"]),
    "a folder that moves": (lambda r: (r / "mail").rename(r / "letters"), {"address": "letters/post.py"}, []),
    "a folder that goes": (lambda r: shutil.rmtree(r / "mail"), {}, ["address"]),
    "a new folder": (lambda r: write(r, {"x/y/z.py": "def pigeon():\n    pass\n"}), {"pigeon": "x/y/z.py"}, []),
    "a file that is ignored now": (lambda r: (r / ".gitignore").write_text("mail/\n"), {}, ["address"]),
    "a file that becomes a folder": (
        lambda r: ((r / "cart.py").unlink(), write(r, {"cart.py/inner.py": "def nested():\n    pass\n"})),
        {"nested": "cart.py/inner.py"},
        ["prices"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_on_disk_is_seen(root: Path, tmp_path: Path, name: str) -> None:
    change, now, gone = CHANGES[name]
    subprocess.run(["git", "init", "-q", root], check=True)
    async with opened(root, tmp_path / "index", watch=True) as index:
        await index.lexical_ready()
        change(root)

        async def is_seen() -> bool:
            found = [(await paths(index, word) or [""])[0] == path for word, path in now.items()]
            return all(found) and not any([await paths(index, word) for word in gone])

        await until(is_seen)


async def test_a_branch_switch_of_many_files_is_seen_whole(root: Path, tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=root, check=True, capture_output=True
        )

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "wide")
    write(root, {f"many/m{i}.py": f"def wide_{i}():\n    return 'zeppelin'\n" for i in range(600)})
    git("add", ".")
    git("commit", "-qm", "two")
    git("checkout", "-q", "main")
    async with opened(root, tmp_path / "index", watch=True) as index:
        await index.lexical_ready()
        git("checkout", "-q", "wide")
        await until(lambda: counts(index, 603))
        git("checkout", "-q", "main")
        await until(lambda: counts(index, 3))
        assert await paths(index, "zeppelin") == []


async def counts(index: Index, files: int) -> bool:
    return index.manifest.counts()[0] == files


async def test_events_that_were_lost_are_made_up_for_by_a_look(root: Path, tmp_path: Path) -> None:
    async with opened(root, tmp_path / "index") as index:  # nobody watches
        await index.lexical_ready()
        (root / "cart.py").unlink()
        write(root, {"late.py": "def pigeon():\n    pass\n"})
        index.indexer.rescan()
        await index.lexical_ready()
        assert await paths(index, "pigeon") == ["late.py"]
        assert await paths(index, "prices") == []


async def test_a_clock_that_runs_wild_hides_no_change(root: Path, tmp_path: Path) -> None:
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        for stamp in (0, 4_000_000_000, 1):
            write(root, {"cart.py": f"def at_{stamp}_o_clock():\n    pass\n"})
            os.utime(root / "cart.py", (stamp, stamp))
            index.indexer.rescan()
            await index.lexical_ready()
            assert await paths(index, f"at_{stamp}_o_clock") == ["cart.py"]


async def test_each_window_searches_its_own_screen(root: Path, tmp_path: Path) -> None:
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        await index.overlays.show("1", "cart.py", "def pigeon():\n    pass\n")
        await index.overlays.show("2", "new.py", "def balloon():\n    pass\n")
        assert await paths(index, "pigeon", window="1") == ["cart.py"]
        assert await paths(index, "prices", window="1") == []
        assert await paths(index, "pigeon", window="2") == await paths(index, "pigeon") == []
        assert await paths(index, "prices", window="2") == ["cart.py"]
        assert await paths(index, "balloon", window="2") == ["new.py"]
        await index.overlays.hide("1", "cart.py")
        assert await paths(index, "prices", window="1") == ["cart.py"]
        await index.overlays.close("2")
        assert await paths(index, "balloon", window="2") == []
    async with opened(root, tmp_path / "index") as index:
        assert await index.store.count() == 3


async def test_buffers_of_a_process_that_was_killed_are_forgotten(root: Path, tmp_path: Path) -> None:
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        await index.overlays.show("1", "cart.py", "def pigeon():\n    pass\n")
    async with opened(root, tmp_path / "index") as index:
        assert await paths(index, "pigeon", window="1") == []
        assert await paths(index, "prices", window="1") == ["cart.py"]


@pytest.mark.parametrize("path", [".env", "keys/id_rsa", "../outside.py", "/etc/passwd", "big.py"])
async def test_a_buffer_that_the_policy_refuses_is_not_searched(root: Path, tmp_path: Path, path: str) -> None:
    text = "pigeon\n" * (200_000 if path == "big.py" else 1)
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        assert not await index.overlays.show("1", path, text)
        assert await paths(index, "pigeon", window="1") == []


async def test_a_save_while_the_one_before_is_being_stored_is_found(root: Path, tmp_path: Path) -> None:
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        later = ["def grand_sum(x):\n    return x\n"]

        def save_once_more(progress: Progress) -> None:
            """Called when the first save is stored, and its round has not ended."""
            if progress.phase == "indexing" and not progress.pending and later:
                write(root, {"cart.py": later.pop()})
                index.indexer.touch(["cart.py"])

        index.listen(save_once_more)
        write(root, {"cart.py": "def half(x):\n    return x / 2\n"})
        index.indexer.touch(["cart.py"])
        await index.lexical_ready()
        assert not later
        assert await paths(index, "grand") == ["cart.py"]
