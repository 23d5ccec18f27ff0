"""Half-open spans of integers and sets of them."""

from .span import Span
from .spanset import SpanSet

__all__ = ["Span", "SpanSet"]
