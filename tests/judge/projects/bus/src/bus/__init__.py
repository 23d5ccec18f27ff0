from bus.signal import Signal
from bus.transaction import Transaction

__all__ = ["Signal", "Transaction"]
