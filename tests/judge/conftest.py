"""Makes the exam's own modules importable, and gives it a runner."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from examiner import runner

__all__ = ["runner"]
