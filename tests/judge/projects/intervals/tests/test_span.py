import unittest

from intervals import Span


class SpanTest(unittest.TestCase):
    def test_length(self):
        self.assertEqual(len(Span(2, 5)), 3)

    def test_order_is_checked(self):
        with self.assertRaises(ValueError):
            Span(3, 2)

    def test_contains(self):
        self.assertIn(2, Span(2, 5))
        self.assertNotIn(5, Span(2, 5))

    def test_iterates(self):
        self.assertEqual(list(Span(1, 4)), [1, 2, 3])

    def test_equality_and_hash(self):
        self.assertEqual(Span(1, 2), Span(1, 2))
        self.assertNotEqual(Span(1, 2), Span(1, 3))
        self.assertEqual(len({Span(1, 2), Span(1, 2)}), 1)

    def test_overlaps(self):
        self.assertTrue(Span(1, 3).overlaps(Span(2, 4)))
        self.assertFalse(Span(1, 3).overlaps(Span(3, 4)))

    def test_shifted(self):
        self.assertEqual(Span(1, 3).shifted(10), Span(11, 13))

    def test_intersection(self):
        self.assertEqual(Span(1, 5).intersection(Span(3, 9)), Span(3, 5))
        self.assertIsNone(Span(1, 2).intersection(Span(2, 3)))


if __name__ == "__main__":
    unittest.main()
