"""A clock that can jump years ahead, for code that is right only for a while. Loaded by tests.py and replay.py."""

import datetime
import time

_AHEAD = 10 * 365.25 * 86400  # seconds


def installed():
    """Stand in for the clocks, to be called before the workspace is imported; returns what makes them jump."""
    offset = [0.0]
    now, now_ns, localtime, gmtime = time.time, time.time_ns, time.localtime, time.gmtime
    monotonic, monotonic_ns, perf_counter = time.monotonic, time.monotonic_ns, time.perf_counter
    time.time = lambda: now() + offset[0]
    time.time_ns = lambda: now_ns() + int(offset[0] * 10**9)
    time.monotonic = lambda: monotonic() + offset[0]
    time.monotonic_ns = lambda: monotonic_ns() + int(offset[0] * 10**9)
    time.perf_counter = lambda: perf_counter() + offset[0]
    time.localtime = lambda seconds=None: localtime(time.time() if seconds is None else seconds)
    time.gmtime = lambda seconds=None: gmtime(time.time() if seconds is None else seconds)
    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "localtime", "gmtime"):
        function = getattr(time, name)
        function.__module__, function.__name__, function.__qualname__ = "time", name, name
    real = datetime.datetime

    class datetime_ahead(real):  # noqa: N801 - it stands in for datetime.datetime
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def today(cls):
            return cls.fromtimestamp(time.time())

        @classmethod
        def utcnow(cls):
            return cls.fromtimestamp(time.time(), datetime.timezone.utc).replace(tzinfo=None)

    class date_ahead(datetime.date):  # noqa: N801
        @classmethod
        def today(cls):
            return cls.fromtimestamp(time.time())

    datetime_ahead.__name__ = datetime_ahead.__qualname__ = "datetime"
    date_ahead.__name__ = date_ahead.__qualname__ = "date"
    datetime_ahead.__module__ = date_ahead.__module__ = "datetime"
    datetime.datetime, datetime.date = datetime_ahead, date_ahead

    def jump():
        offset[0] = _AHEAD

    return jump
