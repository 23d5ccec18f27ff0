from .span import Span


class SpanSet:
    """A set of integers kept as sorted spans that neither overlap nor touch."""

    def __init__(self, spans=()):
        self._spans = []
        for span in spans:
            self.add(span)

    def add(self, new):
        if len(new) == 0:
            return
        start, end = new.start, new.end
        kept = []
        for span in self._spans:
            if span.start < end and start < span.end:
                start, end = min(start, span.start), max(end, span.end)
            else:
                kept.append(span)
        kept.append(Span(start, end))
        kept.sort(key=lambda span: span.start)
        self._spans = kept

    def discard(self, gone):
        kept = []
        for span in self._spans:
            if not span.overlaps(gone):
                kept.append(span)
                continue
            if span.start < gone.start:
                kept.append(Span(span.start, gone.start))
            if gone.end < span.end:
                kept.append(Span(gone.end, span.end))
        self._spans = kept

    def gaps(self):
        return [Span(left.end, right.start) for left, right in zip(self._spans, self._spans[1:])]

    def __contains__(self, value):
        return any(value in span for span in self._spans)

    def __iter__(self):
        return iter(self._spans)

    def __len__(self):
        return sum(len(span) for span in self._spans)

    def __eq__(self, other):
        if not isinstance(other, SpanSet):
            return NotImplemented
        return self._spans == other._spans

    def __repr__(self):
        return f"SpanSet({self._spans!r})"
