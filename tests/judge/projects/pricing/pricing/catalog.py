"""Products and their prices in cents, read from JSON."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tier:
    minimum: int
    percent: int


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    price: int
    tiers: tuple = ()


class Catalog:
    def __init__(self, products):
        self._products = {product.sku: product for product in products}

    @classmethod
    def load(cls, path):
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(
            Product(
                entry["sku"],
                entry["name"],
                entry["price"],
                tuple(Tier(tier["minimum"], tier["percent"]) for tier in entry.get("tiers", ())),
            )
            for entry in entries
        )

    def __getitem__(self, sku):
        return self._products[sku]

    def __len__(self):
        return len(self._products)

    def __contains__(self, sku):
        return sku in self._products
