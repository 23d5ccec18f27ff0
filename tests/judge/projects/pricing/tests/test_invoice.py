import pytest

from pricing.invoice import render, total


def test_total(orders, catalog):
    assert total(orders["A2"], catalog) == 700 + 15300 + 0


@pytest.mark.golden
@pytest.mark.parametrize("order", ["A1", "A3"])
def test_golden(order, orders, catalog, golden):
    assert render(order, orders[order], catalog) == golden(order)
