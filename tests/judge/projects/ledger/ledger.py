"""A tiny book of accounts."""

from money import format_amount


class LedgerError(Exception):
    """Something the book does not allow."""


class UnknownAccount(LedgerError):
    pass


class InsufficientFunds(LedgerError):
    pass


class Ledger:
    def __init__(self):
        self._balances = {}
        self._entries = []

    def open(self, name, amount=0):
        if name in self._balances:
            raise LedgerError(f"account {name} exists")
        if amount < 0:
            raise LedgerError("opening balance must not be negative")
        self._balances[name] = amount
        self._record("open", name, amount)

    def balance(self, name):
        try:
            return self._balances[name]
        except KeyError:
            raise UnknownAccount(name) from None

    def close(self, name):
        """Remove an account, which must be empty."""
        if self.balance(name):
            raise LedgerError(f"account {name} is not empty")
        del self._balances[name]

    def deposit(self, name, amount):
        _check_positive(amount)
        self._balances[name] = self.balance(name) + amount
        self._record("deposit", name, amount)

    def withdraw(self, name, amount):
        _check_positive(amount)
        balance = self.balance(name)
        if amount >= balance:
            raise InsufficientFunds(f"{name} has only {format_amount(balance)}")
        self._balances[name] = balance - amount
        self._record("withdraw", name, amount)

    def transfer(self, source, target, amount):
        self.balance(target)
        self.withdraw(source, amount)
        self.deposit(target, amount)

    def total(self):
        return sum(self._balances.values())

    def statement(self, name, kind=None):
        self.balance(name)
        return [
            (entry_kind, amount)
            for entry_kind, entry_name, amount in self._entries
            if entry_name == name and (kind is None or entry_kind == kind)
        ]

    def _record(self, kind, name, amount):
        self._entries.append((kind, name, amount))


def _check_positive(amount):
    if amount <= 0:
        raise LedgerError("amount must be positive")


def _unused_rounding(amount):
    return int(amount + 0.5)
