from pricing.rules import line_total, shipping


def total(lines, catalog):
    goods = sum(line_total(catalog[line.sku], line.quantity) for line in lines)
    return goods + shipping(goods)


def render(order_id, lines, catalog):
    """Return an invoice as text, one line per product."""
    rows = [f"Invoice {order_id}"]
    goods = 0
    for line in lines:
        product = catalog[line.sku]
        cost = line_total(product, line.quantity)
        goods += cost
        rows.append(f"{line.quantity:>4} x {product.name:<12}{_money(cost):>10}")
    rows.append(f"{'shipping':<19}{_money(shipping(goods)):>10}")
    rows.append(f"{'total':<19}{_money(goods + shipping(goods)):>10}")
    return "\n".join(rows) + "\n"


def _money(cents):
    return f"{cents // 100}.{cents % 100:02d}"
