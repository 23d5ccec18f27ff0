"""Which form of fill-in-the-middle a served model gets, decided when it starts, and why."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace

from inference.errors import InferenceError
from inference.fim.check import PROBE_TOKENS, Encode, ProbedOrder, check_tokens, families_that_fit, probe_order
from inference.fim.families import Family, family_of
from inference.ports import CompletionRequest, Generator

_PROBE_SECONDS = 20.0  # for one hole: a model that is just loaded compiles its kernels at the first request
_BY_TOKENS = "known by its tokens and answers, as its name says nothing"
_MOST = 4_096  # characters of an answer that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    family: Family | None
    """With the order that was found; None when the model is not to be asked to fill in."""
    is_checked: bool
    """Whether the tokens were looked up in the served model's tokenizer."""
    probe: ProbedOrder | None
    """None when the model was not asked."""
    explanation: str
    """One sentence for people: what was found, or why there is no completion by this model and what helps."""


async def settle(generator: Generator, encode: Encode | None, family: Family | None = None) -> Settled:
    """The family for a model that is served now, by its name, its tokens and six holes that it fills in.

    :param encode: into the ids of the served model, such as `LocalTokenizer.encode`, or `ServedTokenizer.encoder` over
        `SPECIAL_TOKENS`; None when there is no tokenizer, and the tokens are then trusted.
    :param family: as the settings name it; None to find it.

    Never raises `InferenceError`: a model that does not answer has no completions, and the explanation says why.
    """
    candidates, why = _candidates(generator.model, encode, family)
    if not candidates:
        return Settled(family=None, is_checked=encode is not None, probe=None, explanation=why)
    probe = None
    for candidate in candidates:
        try:
            probe = await probe_order(candidate, _completing(generator))
        except InferenceError as error:
            explanation = f"{candidate.name} could not be tried, so there are no completions: {error}"
            return Settled(family=None, is_checked=encode is not None, probe=None, explanation=explanation)
        if probe.order is not None:
            settled = replace(candidate, order=probe.order)
            return Settled(
                family=settled, is_checked=encode is not None, probe=probe, explanation=_found(candidate, probe, why)
            )
    first = candidates[0]
    if why == _BY_TOKENS:  # many models have the tokens, and were never taught what they mean
        names = ", ".join(candidate.name for candidate in candidates)
        explanation = (
            f"No completions: {generator.model} has the tokens of {names}, and its name says no family and its answers "
            "none either; name its family in the settings if it fills in."
        )
        return Settled(family=None, is_checked=True, probe=probe, explanation=explanation)
    return Settled(family=first, is_checked=encode is not None, probe=probe, explanation=_found(first, probe, why))


def _candidates(model: str, encode: Encode | None, family: Family | None) -> tuple[tuple[Family, ...], str]:
    """Families to try, and how they were come by; none, and why."""
    chosen, why = family, "chosen in the settings"
    if chosen is None:
        chosen, why = family_of(model), "known by the model's name"
    if encode is None:
        if chosen is None:
            return (), (
                f"No completions: the name {model} says no family, and there is no tokenizer to look in; "
                "name the family or the tokenizer in the settings."
            )
        return (chosen,), f"{why}, its tokens not checked as there is no tokenizer"
    if chosen is not None:
        return _checked(chosen, why, encode)
    fitting = _apart(families_that_fit(encode))
    if not fitting:
        return (), f"No completions: {model} has the tokens of no known family, so it does not fill in."
    return fitting, _BY_TOKENS


def _checked(family: Family, why: str, encode: Encode) -> tuple[tuple[Family, ...], str]:
    problems = check_tokens(family, encode)
    if not problems:
        return (family,), f"{why}, its tokens checked"
    alone = replace(family, repository=None)
    first = problems[0].rstrip(".")
    missing = check_tokens(alone, encode)
    if not missing:
        return (alone,), f"{why}, its tokens checked, but {first}, so other files are left out"
    fitting = families_that_fit(encode)
    first, others = missing[0].rstrip("."), len(missing) - 1 - bool(fitting)
    hint = f"; the model has the tokens of {', '.join(each.name for each in fitting)}" if fitting else ""
    return (), f"No completions: {first}{f', and {others} more' if others > 0 else ''}{hint}."


def _apart(families: tuple[Family, ...]) -> tuple[Family, ...]:
    """One of each spelling, since the probe finds the order, and without a layout of files, which nothing shows."""
    found: dict[tuple[str, ...], Family] = {}
    for family in sorted(families, key=lambda family: -len(family.special_tokens)):
        found.setdefault((family.start, *sorted(family.fim_tokens), family.end), replace(family, repository=None))
    return tuple(found.values())


def _found(family: Family, probe: ProbedOrder | None, why: str) -> str:
    if probe is None or probe.order is None:
        scores = f"{probe.prefix_first} to {probe.suffix_first} points" if probe else "not asked"
        return f"{family.name}, {why}; what it filled in did not tell the order ({scores}), so it is {family.order}."
    scores = f"{probe.prefix_first} to {probe.suffix_first} points"
    differs = f", although the table says {family.order}" if probe.order != family.order else ""
    return f"{family.name}, {why}; what it filled in says {probe.order} ({scores}){differs}."


def _completing(generator: Generator):
    async def complete(prompt: str) -> str:
        request = CompletionRequest(prompt=prompt, max_tokens=PROBE_TOKENS, seconds=_PROBE_SECONDS)
        answer = ""
        async with aclosing(generator.complete(request)) as pieces:
            async for piece in pieces:
                answer += piece
                if len(answer) > _MOST:
                    break
        return answer

    return complete
