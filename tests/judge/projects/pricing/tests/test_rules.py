import pytest

from pricing.rules import discount_percent, line_total, shipping


@pytest.mark.parametrize(
    "sku, quantity, percent",
    [
        ("NUT", 1, 0),
        ("NUT", 99, 0),
        ("NUT", 101, 5),
        ("NUT", 5000, 15),
        ("BOLT", 60, 10),
        ("SAW", 9999, 0),
    ],
)
def test_discount(catalog, sku, quantity, percent):
    assert discount_percent(catalog[sku], quantity) == percent


@pytest.mark.parametrize("sku, quantity, percent", [("NUT", 100, 5), ("NUT", 1000, 15), ("BOLT", 50, 10)])
def test_discount_at_the_boundary(catalog, sku, quantity, percent):
    assert discount_percent(catalog[sku], quantity) == percent


def test_line_total(catalog):
    assert line_total(catalog["BOLT"], 3) == 105
    assert line_total(catalog["BOLT"], 51) == 51 * 35 - 179


def test_quantity_must_be_positive(catalog):
    with pytest.raises(ValueError):
        line_total(catalog["SAW"], 0)


def test_shipping():
    assert shipping(9_999) == 495
    assert shipping(10_000) == 0
