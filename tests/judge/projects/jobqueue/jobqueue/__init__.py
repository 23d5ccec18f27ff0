"""A small asynchronous job queue."""

from jobqueue.queue import JobQueue
from jobqueue.retry import GaveUp, retry
from jobqueue.workers import run_all

__all__ = ["GaveUp", "JobQueue", "retry", "run_all"]
