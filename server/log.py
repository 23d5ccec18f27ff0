"""Logging to stderr: one line each, ids and never contents, and never waiting for whoever reads stderr."""

from __future__ import annotations

import logging
import os
import queue
import threading
import traceback

LEVELS = {
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}

_KEPT_LINES = 10_000  # about 1 MB: what an editor that never reads stderr can cost us
_FLUSH_SECONDS = 1.0

_logger = logging.getLogger("assay")


def start_logging(level: str) -> StderrHandler:
    """Send the log to file descriptor 2. Call `close` on what is returned to write out the rest.

    pygls logs whole messages at INFO, so its loggers stay at WARNING whatever the level.
    """
    handler = StderrHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    set_level(level)
    logging.getLogger("pygls").setLevel(logging.WARNING)
    # asyncio's debug lines quote the repr of what they wait for.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    return handler


def set_level(level: str) -> None:
    _logger.setLevel(LEVELS.get(level, logging.WARNING))


def log_failure(logger: logging.Logger, doing: str, error: BaseException) -> None:
    """Log an unexpected error with its stack, but without its message, which may quote the user's text."""
    frames = traceback.StackSummary.from_list(traceback.extract_tb(error.__traceback__)[-12:])
    places = " < ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in reversed(frames))
    logger.error("%s failed: %s at %s", doing, type(error).__name__, places or "an unknown place")
    logger.debug("%s failed: %r", doing, error)


class StderrHandler(logging.Handler):
    """Writes from a thread of its own: a full stderr pipe must not stop the server. What does not fit is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[str | None] = queue.Queue(_KEPT_LINES)
        self._dropped = 0
        self._writer = threading.Thread(target=self._write, name="assay-log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(self.format(record) + "\n")
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write out what is queued, for at most a second."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._writer.join(_FLUSH_SECONDS)
        super().close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                line += f"({dropped} log lines were dropped: nobody was reading them)\n"
            data = line.encode(errors="backslashreplace")
            try:
                while data:
                    data = data[os.write(2, data) :]
            except OSError:
                return
