"""The runs that an edit is judged by: which copies of the project stand where inside, and what runs in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.job import JobResult, Phase, run_job
from sandbox.lint import configured_linter, lint_mounts, lint_phase
from sandbox.plan import environment, test_phase, worker_phase
from sandbox.ports import UNPRIVILEGED, Limits, Mount, Runner
from sandbox.scratch import Scratch
from sandbox.screen import Screened
from sandbox.spoil import spoil
from sandbox.testrun import narrate, tree_mounts
from sandbox.units import MODULE, Unit, changed_units, with_moves
from workspace.conventions import is_test_path, read_conventions
from workspace.project import Project

REPEAT, CONTROL, ADDED, PLAIN, BASE = "/srv/project", "/srv/control", "/srv/added", "/srv/app", "/srv/base"
"""Where the other copies stand inside: for the repeat, the control, the added tests and the replays."""

_SOMEBODY_ELSE = 1234
"""The user of the repeated run; any but the first one's."""
_REPLAY_SECONDS = 10.0
_SAID = {"tests": "running the tests with the edit", "repeat": "running them again, elsewhere and in another order",
         "again": "and once more where traces of the first run are",
         "control": "checking that the tests can fail", "added": "running the added tests",
         "replay-plain": "comparing with a process that knows no tests"}  # fmt: skip
_COMPILE = (
    "import sys\n"
    "for path in sys.argv[1:]:\n"
    "    with open(path, 'rb') as file: source = file.read()\n"
    "    try: compile(source, path, 'exec', dont_inherit=True)\n"
    "    except (SyntaxError, ValueError) as error: sys.exit('%s: %s' % (path, error))\n"
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One edit and what it is tried with. `folder` is scratch space that the owner removes."""

    project: Project
    runner: Runner
    screened: Screened
    folder: Path
    seconds: float
    limits: Limits
    progress: Callable[[str], None]

    @property
    def root(self) -> str:
        return str(self.project.root)

    @cached_property
    def base(self) -> Scratch:
        return Scratch.make(self.project, None, self.folder / "base")

    @cached_property
    def edited(self) -> Scratch:
        return self.base.variant(self._after, self.folder / "edited")

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """What the edit changes, function by function."""
        changes = [change for change in self.screened.product.changes if change.path.endswith(".py")]
        units = [unit for change in changes for unit in changed_units(change.path, change.before, change.after)]
        return with_moves(units, [(change.before, change.after) for change in changes])

    @cached_property
    def added_tests(self) -> tuple[str, ...]:
        """Test files that the edit adds or extends."""
        changes = self.screened.new_tests.changes
        return tuple(
            change.path
            for change in changes
            if change.after is not None and change.path.endswith(".py") and is_test_path(change.path)
        )

    @property
    def _after(self) -> dict[str, bytes | None]:
        return {change.path: change.after for change in self.screened.product.changes}

    @cached_property
    def _python_files(self) -> list[str]:
        return [path for path, after in self._after.items() if after is not None and path.endswith(".py")]

    async def run_base(self, *, with_tests: bool) -> JobResult | None:
        """Without the edit: lint-before, base (the tests), added. None when there is nothing to run."""
        phases: list[Phase] = []
        mounts = tree_mounts(self.project, self.base, self.root)
        linter = configured_linter(self.project)
        existing = [change.path for change in self.screened.product.changes if change.before is not None]
        lintable = [path for path in existing if path in self._python_files]
        if linter is not None and lintable:
            phases.append(lint_phase("lint-before", self.project, linter, lintable, self.root))
            mounts += lint_mounts(linter)
        if with_tests:
            phases.append(self._tests("base", self.root))
        if self.added_tests:
            mounts.append(self._added_tree(self.base, "base-added"))
            phases.append(self._added_phase())
        return await self._job(phases, mounts, "base-job") if phases else None

    async def run_edited(self) -> JobResult:
        """With the edit: compile, lint-after, tests, repeat, again, control, added, and the three replays."""
        mounts = [
            *tree_mounts(self.project, self.edited, self.root),
            _mount(self.edited, REPEAT),
            _mount(self.edited.variant(self._spoiled(), self.folder / "control"), CONTROL),
            _mount(self.edited.variant(self._without_tests(), self.folder / "plain"), PLAIN),
            _mount(self.base.variant(self._without_tests(), self.folder / "plain-base"), BASE),
        ]
        watch = self._watch(self.root)
        data = [f"{self.root}/{path}" for path in self._after if not path.endswith(".py")]
        observed = {"watch": watch, "changed": self._changed(self.root), "data": data}
        phases = [self._compile_phase()] if self._python_files else []
        linter = configured_linter(self.project)
        if linter is not None and self._python_files:
            phases.append(lint_phase("lint-after", self.project, linter, self._python_files, self.root))
            mounts += lint_mounts(linter)
        phases += [
            self._tests("tests", self.root, config=observed),
            self._elsewhere(self._changed(REPEAT)),
            self._again(only_touching=bool(watch)),
            self._tests("control", CONTROL, config={"control": self._changed(CONTROL), "only_touching": bool(watch)}),
        ]
        if self.added_tests:
            mounts.append(self._added_tree(self.edited, "edited-added"))
            phases.append(self._added_phase())
        if watch:
            places = {"replay-tested": self.root, "replay-plain": PLAIN, "replay-again": PLAIN, "replay-base": BASE}
            phases += [self._replay(name, cwd) for name, cwd in places.items()]
        return await self._job(phases, mounts, "edited-job", narrating=True)

    async def repeat_base(self) -> JobResult:
        """The base, repeated likewise, for tests that depend on their order or place or leave traces themselves."""
        mounts = [*tree_mounts(self.project, self.base, self.root), _mount(self.base, REPEAT)]
        phases = [self._tests("tests", self.root), self._elsewhere([]), self._again(only_touching=False)]
        return await self._job(phases, mounts, "again-job")

    async def _job(
        self, phases: Sequence[Phase], mounts: Sequence[Mount], name: str, *, narrating: bool = False
    ) -> JobResult:
        count = narrate(self.progress)

        def on_record(record: Mapping[str, Any]) -> None:
            if record["event"] == "start" and record["phase"] in _SAID:
                self.progress(_SAID[record["phase"]])
            if record.get("phase") == "tests":
                count(record)

        return await run_job(
            self.runner,
            self.project.python,
            phases,
            mounts,
            self.folder / name,
            limits=self.limits,
            on_record=on_record if narrating else lambda _: None,
        )

    def _tests(
        self,
        name: str,
        cwd: str,
        *,
        user: int = UNPRIVILEGED,
        selection: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
    ) -> Phase:
        return test_phase(
            name, self.project, cwd=cwd, user=user, seconds=self.seconds, selection=selection, config=config
        )

    def _elsewhere(self, changed: list[str]) -> Phase:
        config = {"changed": changed, "reverse": True, "traceless": True}
        return self._tests("repeat", REPEAT, user=_SOMEBODY_ELSE, config=config)

    def _again(self, *, only_touching: bool) -> Phase:
        """The same user in the same folder, where whatever the first run left behind still lies, years later."""
        config = {
            "changed": self._changed(self.root),
            "watch": self._watch(self.root),
            "record": True,
            "only_touching": only_touching,
            "clock_ahead": True,
        }
        return self._tests("again", self.root, config=config)

    def _added_phase(self) -> Phase:
        return self._tests("added", ADDED, selection=self.added_tests, config={"watch": self._watch(ADDED)})

    def _added_tree(self, tree: Scratch, name: str) -> Mount:
        changes = {change.path: change.after for change in self.screened.new_tests.changes}
        return _mount(tree.variant(changes, self.folder / name), ADDED)

    def _compile_phase(self) -> Phase:
        python = self.project.python
        return Phase(
            name="compile",
            argv=(str(python.executable), "-I", "-S", "-B", "-c", _COMPILE, *self._python_files),
            cwd=self.root,
            user=UNPRIVILEGED,
            seconds=30.0,
            env=environment(python, UNPRIVILEGED),
        )

    def _replay(self, name: str, cwd: str) -> Phase:
        is_tested = cwd == self.root
        config = {"mode": "replay", "under_test": is_tested}
        return worker_phase(name, self.project.python, cwd=cwd, user=UNPRIVILEGED, seconds=_REPLAY_SECONDS,
                            config=config, replays=True, is_fresh=not is_tested)  # fmt: skip

    def _watch(self, at: str) -> dict[str, list[tuple[int, int, str]]]:
        """For the tracer: the changed functions of each file; a file changed at module level alone has none."""
        watch: dict[str, list[tuple[int, int, str]]] = {}
        for unit in self.units:
            spans = watch.setdefault(f"{at}/{unit.path}", [])
            if unit.name != MODULE:
                spans.append((unit.first, unit.last, unit.name))
        return watch

    def _changed(self, at: str) -> list[str]:
        return [f"{at}/{path}" for path in self._python_files]

    def _spoiled(self) -> dict[str, bytes | None]:
        conventions = read_conventions(self.project.root)
        sources = ((path, self.project.read(path)) for path in self.project.files if path.endswith(".py"))
        return {path: content for path, source in sources if source and (content := spoil(path, source, conventions))}

    def _without_tests(self) -> dict[str, bytes | None]:
        return {path: None for path in self.project.files if _is_of_tests(path)}


def _is_of_tests(path: str) -> bool:
    return is_test_path(path) or path.startswith(("tests/", "test/")) or path.endswith("conftest.py")


def _mount(tree: Scratch, target: str) -> Mount:
    return Mount(source=tree.path, target=target, writable=True)
