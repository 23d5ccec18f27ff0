"""See what changes on disk. The only importer of watchdog."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileClosedNoWriteEvent, FileOpenedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from workspace.walk import why_not

log = logging.getLogger(__name__)

_WATCHES = 60
"""Top folders watched one by one, so that those left out (node_modules, .venv, .git) cost nothing. Each takes a
thread and one of the user's 128 inotify instances; with more folders the root is watched as a whole."""

OnPaths = Callable[[frozenset[str]], None]


class Watcher:
    """Calls back on the event loop with paths relative to the root that changed, came or went.

    `on_all` is called instead when it cannot be told what changed: a folder that came, went or was renamed. Events
    may be lost under load and on network drives: whoever needs certainty compares the tree from time to time.
    """

    def __init__(self, root: Path, on_paths: OnPaths, on_all: Callable[[], None]) -> None:
        self._root = root
        self._on_paths, self._on_all = on_paths, on_all
        self._loop = asyncio.get_running_loop()
        self._observer: BaseObserver = Observer()
        self._watched: dict[str, ObservedWatch] = {}
        self._waiting: set[str] = set()
        self.problem = ""
        """Why changes on disk are only seen by the periodic look; empty when they are seen at once."""

    def start(self) -> None:
        self._observer.daemon = True
        try:
            self._observer.start()
            tops = self._tops()
            if len(tops) > _WATCHES:
                self._watch("", recursive=True)
            else:
                self._watch("", recursive=False)
                for top in tops:
                    self._watch(top, recursive=True)
        except (OSError, RuntimeError) as error:
            self.problem = (
                f"changes on disk are not seen at once ({error}); "
                "on Linux, raising fs.inotify.max_user_watches or max_user_instances helps"
            )
            log.warning("%s", self.problem)

    def stop(self) -> None:
        if self._observer.is_alive():
            self._observer.stop()

    def _tops(self) -> list[str]:
        try:
            with os.scandir(self._root) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return []
        return sorted(name for name in names if self._is_wanted(name))

    def _is_wanted(self, top: str) -> bool:
        # The policy speaks of files: that of a file in the folder is the folder's.
        return why_not(self._root, f"{top}/__init__.py") is None or why_not(self._root, f"{top}/README") is None

    def _watch(self, top: str, *, recursive: bool) -> None:
        handler = _Handler(self._seen)
        self._watched[top] = self._observer.schedule(handler, str(self._root / top), recursive=recursive)

    def _seen(self, event: FileSystemEvent) -> None:
        """In watchdog's thread."""
        if isinstance(event, (FileOpenedEvent, FileClosedNoWriteEvent)):
            return
        if event.is_directory:
            if event.event_type in ("created", "deleted", "moved"):
                self._loop.call_soon_threadsafe(self._folder_changed)
            return
        paths = {self._relative(os.fsdecode(path)) for path in (event.src_path, event.dest_path) if path}
        self._loop.call_soon_threadsafe(self._files_changed, frozenset(paths - {""}))

    def _relative(self, path: str) -> str:
        prefix = f"{self._root}{os.sep}"
        if not path.startswith(prefix):
            return ""
        return path[len(prefix) :].replace(os.sep, "/")

    def _files_changed(self, paths: frozenset[str]) -> None:
        names = frozenset(path for path in paths if _is_utf8(path))
        if any(path.rpartition("/")[2] in _RULES for path in names):
            self._on_all()  # what is ignored may be another set of files now
        if names:
            self._on_paths(names)

    def _folder_changed(self) -> None:
        if "" in self._watched and len(self._watched) <= _WATCHES and not self.problem:
            for top in self._tops():
                if top not in self._watched:
                    try:
                        self._watch(top, recursive=True)
                    except (OSError, RuntimeError) as error:
                        self.problem = f"changes in {top} are not seen at once ({error})"
        self._on_all()


_RULES = frozenset({".gitignore", ".aiignore", ".cursorignore"})


class _Handler(FileSystemEventHandler):
    def __init__(self, seen: Callable[[FileSystemEvent], None]) -> None:
        self._seen = seen

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._seen(event)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
