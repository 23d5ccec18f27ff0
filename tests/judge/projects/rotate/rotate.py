"""Rotation of log files: app.log, app.log.1, app.log.2, the last being the oldest."""

import gzip
import os
import shutil


def numbered(path, number):
    return f"{path}.{number}"


def rotate(path, keep=3):
    """Move each file one number up, drop what is beyond `keep`, and leave an empty file behind."""
    if keep < 1:
        raise ValueError("keep must be positive")
    if not os.path.exists(path):
        return
    oldest = numbered(path, keep)
    if os.path.exists(oldest):
        os.remove(oldest)
    for number in range(1, keep):
        source = numbered(path, number)
        if os.path.exists(source):
            os.replace(source, numbered(path, number + 1))
    os.replace(path, numbered(path, 1))
    open(path, "w").close()


def backups(path):
    """Return the numbers of the rotated files, newest first."""
    folder, name = os.path.split(os.path.abspath(path))
    numbers = []
    for entry in os.listdir(folder):
        head, _, tail = entry.rpartition(".")
        if head == name and tail.isdigit():
            numbers.append(int(tail))
    return sorted(numbers)


def needs_rotation(path, limit):
    """Whether the file has reached `limit` bytes."""
    try:
        return os.path.getsize(path) >= limit
    except FileNotFoundError:
        return False


def compress(path):
    """Replace a file by a gzip of it and return the new name."""
    target = f"{path}.gz"
    with open(path, "rb") as source, gzip.open(target, "wb") as packed:
        shutil.copyfileobj(source, packed)
    os.remove(path)
    return target


class RotatingFile:
    """A file to append lines to, rotated when it has reached `limit` bytes."""

    def __init__(self, path, limit, keep=3):
        self.path = path
        self.limit = limit
        self.keep = keep
        self._file = None

    def __enter__(self):
        self._file = open(self.path, "a", encoding="utf-8")
        return self

    def __exit__(self, *exc_info):
        self._file.close()
        self._file = None

    def write(self, line):
        self._file.write(line + "\n")
        self._file.flush()
        if needs_rotation(self.path, self.limit):
            self._file.close()
            rotate(self.path, self.keep)
            self._file = open(self.path, "a", encoding="utf-8")
