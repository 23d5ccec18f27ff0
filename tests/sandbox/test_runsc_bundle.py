"""From a spec to what runsc is given, and from what it leaves to a verdict: pure, so without a sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.ports import Limits, Mount, RunSpec, Status
from sandbox.runsc.bound import BundleError, bind, points_in_mounts, points_in_root
from sandbox.runsc.bundle import config
from sandbox.runsc.cgroup import Cgroups, Counters, find_cgroups
from sandbox.runsc.engine import Engine
from sandbox.runsc.home import note_points, remove_run
from sandbox.runsc.process import Cause, Ended
from sandbox.runsc.verdict import Logs, judge

ENGINE = Engine(
    binary=Path("/opt/runsc"),
    version="1",
    platform="systrap",
    rootless=False,
    flags=frozenset({"directfs", "root"}),
    setpriv=Path("/usr/bin/setpriv"),
    unshare=Path("/usr/bin/unshare"),
    cgroups=Cgroups(version=2),
)


def document(spec: RunSpec, **changes: object) -> dict[str, object]:
    arguments = {"root": Path("/bundle/rootfs"), "cgroup": "/assay/x", "address_space": None} | changes
    return config(spec, bind(spec), **arguments)  # pyright: ignore[reportArgumentType]


def mounts(spec: RunSpec) -> dict[str, list[str]]:
    listed = json.loads(json.dumps(document(spec)))["mounts"]
    return {mount["destination"]: mount.get("options", []) for mount in listed}


def test_untrusted_code_has_no_user_no_capability_and_no_way_to_get_them() -> None:
    process = json.loads(json.dumps(document(RunSpec(argv=("/bin/true",)))))["process"]
    assert process["user"] == {"uid": 65534, "gid": 65534}
    assert set(map(tuple, process["capabilities"].values())) == {()}
    assert process["noNewPrivileges"] is True
    assert process["env"] == []


def test_capabilities_are_never_handed_on_to_another_user() -> None:
    spec = RunSpec(argv=("/bin/true",), user=0, group=0, capabilities=frozenset({"CAP_SETUID"}))
    held = json.loads(json.dumps(document(spec)))["process"]["capabilities"]
    assert held["effective"] == held["permitted"] == held["bounding"] == ["CAP_SETUID"]
    assert held["inheritable"] == held["ambient"] == []


def test_outer_mounts_come_before_inner_ones(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spec = RunSpec(
        argv=("/bin/true",),
        mounts=(
            Mount(source=tmp_path, target="/w/a/b"),
            Mount(source=tmp_path / "file", target="/w/a/file"),
            Mount(source=tmp_path, target="/w", writable=True),
        ),
    )
    listed = list(mounts(spec))
    assert listed.index("/w") < min(listed.index("/w/a/file"), listed.index("/w/a/b"))
    assert "rw" in mounts(spec)["/w"]
    assert "ro" in mounts(spec)["/w/a/b"]
    assert "ro" in mounts(spec)["/usr"]


def test_a_spec_may_replace_what_is_there_by_default(tmp_path: Path) -> None:
    spec = RunSpec(
        argv=("/bin/true",),
        mounts=(Mount(source=tmp_path, target="/tmp", writable=True), Mount(source=tmp_path, target="/usr")),
    )
    listed = json.loads(json.dumps(document(spec)))["mounts"]
    assert [m["type"] for m in listed if m["destination"] == "/tmp"] == ["bind"]
    assert [m["source"] for m in listed if m["destination"] == "/usr"] == [str(tmp_path)]


@pytest.mark.parametrize(
    "target", ["/", "relative", "/a/../b", "/a/", "//a", "/proc", "/proc/1", "/sys/fs", "/dev", "/dev/null", ""]
)
def test_places_where_nothing_can_be_mounted(target: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Nothing can be mounted at"):
        bind(RunSpec(argv=("/bin/true",), mounts=(Mount(source=tmp_path, target=target),)))


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("missing", "circle"):
        with pytest.raises(BundleError, match=name):
            bind(RunSpec(argv=("/bin/true",), mounts=(Mount(source=tmp_path / name, target="/x"),)))


def test_mount_points_are_made_where_they_are_missing_and_nowhere_else(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "there").mkdir(parents=True)
    spec = RunSpec(
        argv=("/bin/true",),
        mounts=(
            Mount(source=tree, target="/w/tree"),
            Mount(source=tree, target="/w/tree/there"),
            Mount(source=tree, target="/w/tree/new/deep"),
            Mount(source=tree, target="/tmp/x"),
        ),
    )
    bound = bind(spec)
    root = {str(point.path) for point in points_in_root(Path("/r"), bound)}
    assert {"/r/w", "/r/w/tree", "/r/tmp", "/r/tmp/x", "/r/usr"} <= root
    assert "/r/w/tree/there" not in root
    assert [point.path for point in points_in_mounts(bound)] == [tree / "new", tree / "new" / "deep"]


def test_a_link_of_the_system_stays_one(tmp_path: Path) -> None:
    """A folder made at /lib would take the place of the link, and with it every library."""
    spec = RunSpec(argv=("/bin/true",), mounts=(Mount(source=tmp_path, target="/lib"),))
    made = {str(point.path) for point in points_in_root(Path("/r"), bind(spec))}
    assert ("/r/lib" in made) is not Path("/lib").is_symlink()


def test_nothing_is_made_in_the_system(tmp_path: Path) -> None:
    spec = RunSpec(argv=("/bin/true",), mounts=(Mount(source=tmp_path, target="/usr/no-such-place"),))
    with pytest.raises(BundleError, match="no place of the system"):
        bind(spec)


def test_made_mount_points_go_again_unless_somebody_used_them(tmp_path: Path) -> None:
    run, made, used = tmp_path / "run", tmp_path / "made", tmp_path / "used"
    for folder in (run, made, made / "deep", used):
        folder.mkdir()
    note_points(run, [made, made / "deep", used])
    (used / "file").write_text("somebody's")
    remove_run(run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used"]


def test_the_command_line_isolates_whatever_the_defaults_are() -> None:
    line = ENGINE.run(root=Path("/r"), bundle=Path("/b"), name="n")
    assert line[:5] == ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--", "/opt/runsc"]
    assert {"--network=none", "--overlay2=all:memory", "--directfs=false", "--platform=systrap"} <= set(line)
    assert line[-3:] == ["run", "--bundle=/b", "n"]
    assert "--ignore-cgroups" not in line


@pytest.mark.parametrize(
    ("code", "counters", "logs", "status"),
    [
        (0, Counters(), Logs(), Status.OK),
        (1, Counters(), Logs(), Status.FAILED),
        (0, Counters(out_of_memory=1), Logs(), Status.OK),
        (137, Counters(out_of_memory=1), Logs(), Status.OOM),
        (1, Counters(out_of_memory=1), Logs(), Status.OOM),
        (137, Counters(), Logs(), Status.KILLED),
        (139, Counters(), Logs(), Status.KILLED),
        (200, Counters(), Logs(), Status.FAILED),
        (255, Counters(), Logs(), Status.FAILED),
        (2, Counters(), Logs(), Status.FAILED),
        (2, Counters(out_of_processes=3), Logs(), Status.FAILED),
        (2, Counters(out_of_processes=3), Logs(panic="runtime: failed to create new OS thread"), Status.PIDS),
        (2, Counters(), Logs(panic="panic: oh"), Status.INFRA),
        (128, Counters(), Logs(), Status.FAILED),
        (128, Counters(), Logs(errors=("running container: no",)), Status.INFRA),
        (-9, Counters(), Logs(), Status.INFRA),
        (127, Counters(), Logs(), Status.FAILED),
        (127, Counters(), Logs(started=False), Status.INFRA),
        (0, Counters(), Logs(started=False), Status.INFRA),
    ],
)
def test_verdicts(code: int, counters: Counters, logs: Logs, status: Status) -> None:
    ended = Ended(code=code, cause=Cause.EXIT, stdout=b"", stderr=b"", truncated=False, seconds=1)
    assert judge(ended, counters, logs, Limits())[0] is status


@pytest.mark.parametrize(
    ("cause", "status"),
    [(Cause.DEADLINE, Status.TIMEOUT), (Cause.MEMORY, Status.OOM), (Cause.STOPPED, Status.INFRA)],
)
def test_verdicts_when_we_ended_it(cause: Cause, status: Status) -> None:
    ended = Ended(code=137, cause=cause, stdout=b"", stderr=b"", truncated=False, seconds=1)
    found, detail = judge(ended, Counters(), Logs(), Limits())
    assert found is status
    assert detail.endswith(".")


def test_runsc_s_log_is_read_though_its_lines_run_together(tmp_path: Path) -> None:
    (tmp_path / "log").write_text('{"msg":"one","level":"error"}{"msg":"two"}\n{"msg":"three"}{"bro')
    assert Logs.read(tmp_path).errors == ("one", "two", "three")
    assert Logs.read(tmp_path / "missing") == Logs(started=False)


def test_limits_and_counters_of_cgroup_version_2(tmp_path: Path) -> None:
    """On a tree of plain files: what the kernel would be told, and how its answers are read."""
    limits = Limits(memory=512 << 20, cpus=1.5, processes=16)
    group = Cgroups(version=2, root=tmp_path).make("t-1", limits)
    folder = tmp_path / "assay" / "t-1"
    assert group.path == "/assay/t-1"
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        "memory.max": "536870912",
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "192",
        "cpu.max": "150000 100000",
    }
    (folder / "memory.peak").write_text("1048576\n")
    (folder / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 1\n")
    (folder / "pids.events").write_text("max 7\n")
    assert group.counters() == Counters(peak_memory=1048576, out_of_memory=2, out_of_processes=7)
    assert [found.name for found in Cgroups(version=2, root=tmp_path).named("t-")] == ["t-1"]


def test_a_machine_without_control_groups_has_none(tmp_path: Path) -> None:
    assert find_cgroups(tmp_path) is None
    assert not list(tmp_path.iterdir())
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
    assert find_cgroups(tmp_path) is None  # nothing there can be switched on
