class Span:
    """The integers from start, inclusive, to end, exclusive."""

    __slots__ = ("start", "end")

    def __init__(self, start, end):
        if end < start:
            raise ValueError(f"end {end} before start {start}")
        self.start = start
        self.end = end

    def __repr__(self):
        return f"Span({self.start}, {self.end})"

    def __eq__(self, other):
        if not isinstance(other, Span):
            return NotImplemented
        return (self.start, self.end) == (other.start, other.end)

    def __hash__(self):
        return hash((self.start, self.end))

    def __len__(self):
        return self.end - self.start

    def __contains__(self, value):
        return self.start <= value < self.end

    def __iter__(self):
        return iter(range(self.start, self.end))

    def overlaps(self, other):
        return self.start < other.end and other.start < self.end

    def shifted(self, by):
        return Span(self.start + by, self.end + by)

    def intersection(self, other):
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None
