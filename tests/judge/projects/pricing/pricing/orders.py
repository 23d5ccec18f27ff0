import csv
from collections import namedtuple

Line = namedtuple("Line", "sku quantity")


class OrderError(Exception):
    pass


def read_orders(path, catalog):
    """Return {order id: [Line]} from a CSV file with the columns order, sku and quantity."""
    orders = {}
    with open(path, newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            if row["sku"] not in catalog:
                raise OrderError(f"line {number}: unknown product {row['sku']}")
            orders.setdefault(row["order"], []).append(Line(row["sku"], int(row["quantity"])))
    return orders
