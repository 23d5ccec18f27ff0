"""Books meeting rooms."""

from .calendar import Booking, Calendar, Clash
from .interval import Interval
from .pricing import Tariff, price
from .rooms import Room, choose

__all__ = ["Booking", "Calendar", "Clash", "Interval", "Room", "Tariff", "choose", "price"]
