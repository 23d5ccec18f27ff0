# -*- coding: utf-8 -*-
"""Dates without datetime, as the old accounting program wrote them."""

MONTHS = ["janvier", "février", "mars", "avril", "mai", "juin",
          "juillet", "août", "septembre", "octobre", "novembre", "décembre"]

_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def is_leap(year):
    """Whether a year has a 29th of February."""
    return year % 4 == 0 and year % 100 != 0


def days_in(year, month):
    if not 1 <= month <= 12:
        raise ValueError("month %r" % month)
    if month == 2 and is_leap(year):
        return 29
    return _DAYS[month - 1]


def day_of_year(year, month, day):
    if not 1 <= day <= days_in(year, month):
        raise ValueError("day %r" % day)
    return sum(days_in(year, m) for m in range(1, month)) + day


def format_date(year, month, day):
    return "%d %s %d" % (day, MONTHS[month - 1], year)


def parse_date(text):
    day, name, year = text.split()
    return int(year), MONTHS.index(name) + 1, int(day)


def next_day(year, month, day):
    if day < days_in(year, month):
        return year, month, day + 1
    if month < 12:
        return year, month + 1, 1
    return year + 1, 1, 1
