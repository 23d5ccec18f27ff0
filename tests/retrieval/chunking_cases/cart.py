"""A cart."""

from dataclasses import dataclass

LIMIT = 3


# What a customer wants to buy.
@dataclass
class Cart:
    items: list[int]

    def total(self) -> int:
        """The sum."""
        return sum(self.items)

    @property
    def is_full(self) -> bool:
        return len(self.items) > LIMIT


async def load(
    key: str,
) -> Cart:
    return await fetch(key)


if True:

    def only_here() -> None: ...
