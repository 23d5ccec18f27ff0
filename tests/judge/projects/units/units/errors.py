class UnitError(ValueError):
    pass


class UnknownUnit(UnitError):
    def __init__(self, name):
        super().__init__(f"unknown unit: {name}")
        self.name = name


class IncompatibleUnits(UnitError):
    def __init__(self, source, target):
        super().__init__(f"cannot convert {source} to {target}")
