"""What a line of an order costs."""


def discount_percent(product, quantity):
    """Return the percentage of the highest tier that the quantity reaches."""
    best = 0
    for tier in product.tiers:
        if quantity > tier.minimum:
            best = max(best, tier.percent)
    return best


def line_total(product, quantity):
    """Return the price in cents, discount taken off and rounded half up."""
    if quantity < 1:
        raise ValueError("quantity must be positive")
    full = product.price * quantity
    return full - (full * discount_percent(product, quantity) + 50) // 100


def shipping(total):
    """Return the shipping cost in cents: free from 100.00 on."""
    return 0 if total >= 10_000 else 495
