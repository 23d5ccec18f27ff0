"""Whether a machine has time and power to spare. What the system does not say counts as a machine on mains, at rest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

POWER = Path("/sys/class/power_supply")
"""Where Linux tells of batteries and adapters: Documentation/ABI/testing/sysfs-class-power."""


def on_battery(folder: Path = POWER) -> bool:
    """Whether the machine lives on its battery now: one discharges, and no adapter gives power."""
    kinds = [(_read(each / "type"), each) for each in _supplies(folder)]
    # A mouse or a headset has a battery, too; its scope says that it is not the machine's.
    batteries = [each for kind, each in kinds if kind == "Battery" and _read(each / "scope") != "Device"]
    adapters = [each for kind, each in kinds if kind in ("Mains", "USB", "Wireless")]
    if any(_read(each / "online") not in ("", "0") for each in adapters):
        return False
    return any(_read(each / "status") == "Discharging" for each in batteries)


def load_per_core(average: Callable[[], tuple[float, float, float]] = os.getloadavg) -> float:
    """How many programs wanted each core, on average over the last minute."""
    try:
        return average()[0] / (os.cpu_count() or 1)
    except OSError:
        return 0.0


def _supplies(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace").strip()
    except OSError:
        return ""
