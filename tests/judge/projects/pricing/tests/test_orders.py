import pytest

from pricing.orders import Line, OrderError, read_orders


def test_reads(orders):
    assert sorted(orders) == ["A1", "A2", "A3"]
    assert orders["A3"] == [Line("SAW", 6)]


def test_unknown_product(tmp_path, catalog):
    file = tmp_path / "orders.csv"
    file.write_text("order,sku,quantity\nX,NUT,1\nX,WHAT,2\n")
    with pytest.raises(OrderError, match="line 3"):
        read_orders(file, catalog)


def test_catalog(catalog):
    assert len(catalog) == 3
    assert "SAW" in catalog
    assert "PEN" not in catalog
