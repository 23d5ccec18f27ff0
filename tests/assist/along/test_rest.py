"""Battery and load, as a system's folder tells them; the hour's budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from assist.along.budget import Spending
from assist.along.rest import load_per_core, on_battery

SUPPLIES: dict[str, tuple[dict[str, dict[str, str]], bool]] = {
    "no folder": ({}, False),
    "a desktop": ({"AC": {"type": "Mains", "online": "1"}}, False),
    "unplugged": ({"AC": {"type": "Mains", "online": "0"}, "BAT0": {"type": "Battery", "status": "Discharging"}}, True),
    "plugged in": ({"AC": {"type": "Mains", "online": "1"}, "BAT0": {"type": "Battery", "status": "Charging"}}, False),
    "plugged in, two batteries": (
        {
            "AC": {"type": "Mains", "online": "1"},
            "BAT0": {"type": "Battery", "status": "Discharging"},
            "BAT1": {"type": "Battery", "status": "Full"},
        },
        False,
    ),
    "by USB": (
        {"ucsi": {"type": "USB", "online": "1"}, "BAT0": {"type": "Battery", "status": "Not charging"}},
        False,
    ),
    "a mouse": ({"hid": {"type": "Battery", "scope": "Device", "status": "Discharging"}}, False),
    "no adapter known": ({"BAT0": {"type": "Battery", "status": "Discharging"}}, True),
}


@pytest.mark.parametrize(("supplies", "expected"), SUPPLIES.values(), ids=SUPPLIES.keys())
def test_on_battery(tmp_path: Path, supplies: dict[str, dict[str, str]], expected: bool) -> None:
    for name, values in supplies.items():
        (tmp_path / "power" / name).mkdir(parents=True)
        for file, value in values.items():
            (tmp_path / "power" / name / file).write_text(value + "\n")
    assert on_battery(tmp_path / "power") is expected


def test_a_system_without_load_is_at_rest() -> None:
    def unknown() -> tuple[float, float, float]:
        raise OSError

    assert load_per_core(unknown) == 0.0
    assert load_per_core(lambda: (1e6, 0.0, 0.0)) > 100


def test_an_hour_s_seconds() -> None:
    now = 0.0
    spending = Spending(lambda: now)
    assert spending.left(60) == 60
    spending.spend(50)
    now = 1800.0
    spending.spend(30)
    assert spending.left(60) == 0
    now = 3700.0
    assert spending.left(60) == 30
    now = 6000.0
    assert spending.left(60) == 60
