"""The whole of it in one place."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from inference.resilience.budget import Allowance, Budgets
from inference.resilience.budgeted import Budgeted, Count, estimate
from inference.resilience.events import OnEvent, unheard
from inference.resilience.health import Watched
from inference.resilience.queued import Queued
from inference.resilience.slots import Places, Slots
from inference.routing.backends import Backend
from inference.routing.router import Router, RouterPolicy
from inference.routing.variants import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    places: Places = field(default_factory=Places)
    allowances: tuple[Allowance, ...] = ()


def routed(
    backends: Sequence[Backend],
    limits: Limits | None = None,
    *,
    split: Split | None = None,
    policy: RouterPolicy | None = None,
    count: Count = estimate,
    on_event: OnEvent = unheard,
    clock: Callable[[], float] = time.monotonic,
    rng: random.Random | None = None,
) -> Watched:
    """The endpoints as one generator. A request passes, from the outside in:

    1. budgets, which refuse at once, so that who has used theirs up takes no place from others;
    2. the queue, which waits for a place, interactive requests first;
    3. the router: variant, endpoint, failing over, hedging, retries;
    4. the endpoint's own bound.

    A cache goes around all of it, as a hit costs nothing.
    """
    limits = limits or Limits()
    router = Router(backends, split=split, policy=policy, on_event=on_event, clock=clock, rng=rng)
    queued = Queued(router, Slots(limits.places, on_event=on_event, clock=clock))
    return Budgeted(queued, Budgets(limits.allowances, clock=clock), count=count, on_event=on_event)
