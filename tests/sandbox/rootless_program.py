"""Runs on the host as a user without any privilege: finds a runner and does a few runs, as JSON."""

import asyncio
import json
import sys
from pathlib import Path

from sandbox.find import find_runner
from sandbox.ports import Limits, Mount, RunSpec

MIB = 1 << 20


async def main(runsc: Path, folder: Path, supervisor: str) -> None:
    runner = await find_runner(runsc=runsc, state_dir=folder / "state")
    report = {"isolation": runner.isolation.name, "detail": runner.isolation.detail}
    python = (sys.executable, "-I", "-c")
    room = folder / "room"
    room.mkdir()
    room.chmod(0o1777)
    (room / "from-host").write_text("kept")
    writable = Mount(source=room, target="/room", writable=True)
    specs = {
        "plain": RunSpec(argv=("/bin/sh", "-c", "id -u; echo x > /room/new; cat /room/from-host"), mounts=(writable,)),
        "shadow": RunSpec(argv=("/bin/cat", "/etc/shadow")),
        "network": RunSpec(argv=(*python, "import socket; socket.create_connection(('192.0.2.1', 80), 5)")),
        "time": RunSpec(argv=("/bin/sleep", "1000"), limits=Limits(wall=0.5)),
        "memory": RunSpec(
            argv=(*python, "x = [b'1' * (1 << 20) + bytes([i % 256]) for i in range(600)]"),
            limits=Limits(wall=30, memory=200 * MIB),
        ),
        "files in memory": RunSpec(
            argv=(*python, "for i in range(600): open(f'/room/{i}', 'wb').write(b'1' * (1 << 20))"),
            mounts=(writable,),
            limits=Limits(wall=30, memory=200 * MIB),
        ),
        "processes": RunSpec(
            argv=("/bin/sh", "-c", "i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done"),
            limits=Limits(wall=30, processes=16),
        ),
        "supervisor": RunSpec(
            argv=(*python, supervisor, "1234"),
            mounts=(writable,),
            user=0,
            group=0,
            capabilities=frozenset({"CAP_SETUID", "CAP_SETGID", "CAP_KILL"}),
        ),
    }
    for name, spec in specs.items():
        result = await runner.run(spec)
        report[name] = [result.status.value, result.exit_code, result.stdout.decode(), result.stderr.decode()]
    await runner.close()
    report["left in the room"] = sorted(path.name for path in room.iterdir())
    report["left of the state"] = sorted(path.name for path in (folder / "state").iterdir())
    print(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.stdin.read()))
