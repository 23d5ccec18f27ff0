"""Fix templates: each looks at one scope and yields small changes of it, without judging them.

A new template is a function `(scope, clues) -> Iterator[Mutation]` in the module of its kind, an entry here,
and a prior in `assist.repair.rank`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assist.repair.scope import Clues, Mutation, Scope
from assist.repair.templates import borrowed, calls, flow, guards, inner, names, operators, patterns, similar, values

Template = Callable[[Scope, Clues], Iterator[Mutation]]

TEMPLATES: tuple[Template, ...] = (
    operators.comparison,
    operators.arithmetic,
    operators.grouping,
    operators.sign,
    operators.condition,
    operators.negation,
    operators.none_test,
    values.off_by_one,
    values.bound,
    values.constant,
    values.initial_value,
    patterns.pattern,
    names.variable,
    names.attribute,
    names.function_name,
    names.qualified,
    calls.arguments,
    calls.wrap,
    calls.unwrap,
    calls.missing_call,
    calls.lookup,
    flow.returned,
    flow.loop_exit,
    flow.order,
    flow.nesting,
    flow.removal,
    flow.mutable_default,
    flow.handler,
    guards.guard,
    guards.base_case,
    guards.refusal,
    guards.loop_guard,
    guards.fallback,
    borrowed.statement,
    borrowed.extra_condition,
    calls.floor_at_zero,
    inner.early_exit,
    inner.refused_here,
    inner.conditional,
    inner.item_filter,
    inner.type_test,
    similar.block,
    similar.like_call,
    similar.library_name,
    similar.one_more,
    similar.step,
)


def mutations(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """Everything the templates make of one scope."""
    for template in TEMPLATES:
        yield from template(scope, clues)
