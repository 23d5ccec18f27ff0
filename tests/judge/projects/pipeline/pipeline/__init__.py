"""Stages that run one after another and tell others how far they are."""

from pipeline.runner import Pipeline, StageFailed
from pipeline.stage import Stage
from pipeline.watch import Watcher

__all__ = ["Pipeline", "Stage", "StageFailed", "Watcher"]
