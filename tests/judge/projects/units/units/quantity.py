from units.convert import convert, dimension_of


class Quantity:
    def __init__(self, value, unit):
        dimension_of(unit)
        self.value = value
        self.unit = unit

    def to(self, unit):
        return Quantity(convert(self.value, self.unit, unit), unit)

    def __eq__(self, other):
        if not isinstance(other, Quantity):
            return NotImplemented
        if dimension_of(self.unit) != dimension_of(other.unit):
            return False
        return abs(self.value - other.to(self.unit).value) < 1e-9

    def __add__(self, other):
        return Quantity(self.value + other.to(self.unit).value, self.unit)

    def __str__(self):
        return f"{self.value:g} {self.unit}"

    def __repr__(self):
        return f"Quantity({self.value!r}, {self.unit!r})"
