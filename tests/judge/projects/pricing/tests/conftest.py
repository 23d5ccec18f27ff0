from pathlib import Path

import pytest

from pricing.catalog import Catalog
from pricing.orders import read_orders

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def catalog():
    return Catalog.load(DATA / "catalog.json")


@pytest.fixture
def orders(catalog):
    return read_orders(DATA / "orders.csv", catalog)


@pytest.fixture
def golden():
    return lambda name: (DATA / f"{name}.txt").read_text(encoding="utf-8")
