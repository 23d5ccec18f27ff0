import unittest

from intervals import Span, SpanSet


class SpanSetTest(unittest.TestCase):
    def setUp(self):
        self.spans = SpanSet([Span(1, 4), Span(10, 12)])

    def test_is_sorted(self):
        self.assertEqual(list(SpanSet([Span(5, 6), Span(1, 2)])), [Span(1, 2), Span(5, 6)])

    def test_overlapping_spans_merge(self):
        self.spans.add(Span(3, 11))
        self.assertEqual(list(self.spans), [Span(1, 12)])

    def test_touching_spans_merge(self):
        self.spans.add(Span(4, 7))
        self.assertEqual(list(self.spans), [Span(1, 7), Span(10, 12)])

    def test_touching_on_the_left(self):
        self.spans.add(Span(8, 10))
        self.assertEqual(list(self.spans), [Span(1, 4), Span(8, 12)])

    def test_inside(self):
        self.spans.add(Span(2, 3))
        self.assertEqual(list(self.spans), [Span(1, 4), Span(10, 12)])

    def test_empty_span_adds_nothing(self):
        self.spans.add(Span(6, 6))
        self.assertEqual(len(list(self.spans)), 2)

    def test_discard_splits(self):
        self.spans.discard(Span(2, 3))
        self.assertEqual(list(self.spans), [Span(1, 2), Span(3, 4), Span(10, 12)])

    def test_discard_cuts_ends(self):
        self.spans.discard(Span(3, 11))
        self.assertEqual(list(self.spans), [Span(1, 3), Span(11, 12)])

    def test_gaps(self):
        self.assertEqual(self.spans.gaps(), [Span(4, 10)])

    def test_contains_and_length(self):
        self.assertIn(11, self.spans)
        self.assertNotIn(5, self.spans)
        self.assertEqual(len(self.spans), 5)

    def test_equality(self):
        self.assertEqual(SpanSet([Span(1, 3), Span(2, 5)]), SpanSet([Span(1, 5)]))
        self.assertNotEqual(SpanSet([Span(1, 3)]), SpanSet([Span(1, 4)]))
