"""What keeps a user from waiting for nothing: retries, a breaker, a bounded queue, budgets, and a word on what works.

None of it knows how requests reach a model; `inference.routing` joins it to endpoints.

Libraries were looked at (2026-11) and none is used, because what they count is a call and what is counted here is a
stream that its reader closes early, which is a success, or before the first token, which says nothing:

- purgatory 3.0: when its time is over, lets every waiting request try a dead endpoint at once; a cancelled task counts
  as a failure, or as a success which closes the circuit; one fixed time on the wall clock, no jitter, no probe.
- circuitbreaker 2.1: takes asynchronous generators, but a stream from before the failure that is closed afterwards
  closes the circuit; no probe, no jitter, and neither asks whether another endpoint is left.
- pybreaker 1.4: coroutines of Tornado only. aiobreaker 1.2: no release since 2021.
- stamina 26.1 and tenacity 9.2: good, and for callables; they know neither a server's `Retry-After` together with a
  deadline that is already running, nor our errors, so that as much code as `retry` has would remain.
- aiolimiter 1.3: waits where a budget must refuse, and has no price that is known only afterwards.
"""
