import unittest

from dates import day_of_year, days_in, format_date, is_leap, next_day, parse_date


class LeapTest(unittest.TestCase):
    def test_ordinary(self):
        self.assertFalse(is_leap(2023))

    def test_every_fourth(self):
        self.assertTrue(is_leap(2024))

    def test_century(self):
        self.assertFalse(is_leap(1900))

    def test_fourth_century(self):
        self.assertTrue(is_leap(2000))


class CalendarTest(unittest.TestCase):
    def test_days_in(self):
        self.assertEqual(days_in(2023, 2), 28)
        self.assertEqual(days_in(2024, 2), 29)
        self.assertEqual(days_in(2024, 4), 30)

    def test_bad_month(self):
        with self.assertRaises(ValueError):
            days_in(2024, 13)

    def test_day_of_year(self):
        self.assertEqual(day_of_year(2023, 1, 1), 1)
        self.assertEqual(day_of_year(2024, 12, 31), 366)

    def test_day_of_year_in_2000(self):
        self.assertEqual(day_of_year(2000, 3, 1), 61)

    def test_bad_day(self):
        with self.assertRaises(ValueError):
            day_of_year(2023, 2, 29)

    def test_next_day(self):
        self.assertEqual(next_day(2023, 2, 28), (2023, 3, 1))
        self.assertEqual(next_day(2024, 2, 28), (2024, 2, 29))
        self.assertEqual(next_day(2024, 12, 31), (2025, 1, 1))
