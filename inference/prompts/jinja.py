"""Runs a chat template that came with a model: in Jinja's sandbox, with limits of work, memory and time.

The sandbox keeps a template from Python's insides, and not from running for ever or filling the memory. So the
template's tree is rewritten before it is compiled: each turn of a loop, each call, filter, operator, comparison and
literal passes through `Meter`, which weighs what comes out. Only this module imports `jinja2`.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportIncompatibleMethodOverride=false
# Values inside of a template have any type; each is looked at before it is used.

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import lru_cache, wraps
from itertools import islice
from typing import Any, NoReturn, cast

from jinja2 import Template, TemplateError, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import do_indent
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.prompts.meter import MAX_BITS, MAX_TEXT, MAX_VALUES, Meter, TemplateRefused

MAX_TEMPLATE = 64 << 10
"""Characters of a template; the longest of known ones has about 30,000."""
_LARGEST_POWER = 16
_KEPT = 16  # compiled templates
_SHOWN = 200  # characters of an error
_WIDTH = 64  # characters of an indentation, and of a format of the time

# Not there, as nothing needs them and a few characters of them can fill the memory: batch, center, format, random,
# round, slice, sum, urlize, wordwrap, xmlattr and the rest.
_PLAIN_FILTERS = (
    "abs", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items", "last", "length", "list",
    "map", "max", "min", "reject", "rejectattr", "reverse", "select", "selectattr", "sort", "unique",
)  # fmt: skip
_TEXT_FILTERS = ("capitalize", "e", "escape", "lower", "safe", "string", "title", "trim", "upper")
_METHODS = frozenset({
    "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii", "isdecimal",
    "isdigit", "isidentifier", "islower", "isnumeric", "isspace", "istitle", "isupper", "lower", "lstrip", "partition",
    "removeprefix", "removesuffix", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines",
    "startswith", "strip", "swapcase", "title", "upper",
})  # fmt: skip
# Without widths, which could be any.
_PERCENT = re.compile(r"%(?:\(\w*\))?[sdrfxi%]")
_BRACES = re.compile(r"\{\w*\}|\{\{|\}\}")
_TIME = re.compile(r"(?:%-?[A-Za-z%]|[^%])*")


def run(source: str, values: Mapping[str, object], *, strftime: Callable[[str], str]) -> str:
    """The text that a template makes of the values, which are text, numbers, None and lists and dicts of these.

    :param strftime: the present time by a format, for templates that name the date.
    :raises TemplateRefused: when it is none, fails, refuses the values or wants more than it may have.
    """

    def strftime_now(form: str) -> str:
        if len(form) > _WIDTH or not _TIME.fullmatch(form):
            raise TemplateRefused("asks for the time in a way that is not allowed here")
        return strftime(form)

    if len(source) > MAX_TEMPLATE:
        raise TemplateRefused(f"has more than {MAX_TEMPLATE:,} characters")
    meter = Meter(Undefined)
    token = _meter.set(meter)
    try:
        meter.weigh(values)
        pieces: list[str] = []
        written = 0
        for piece in _compiled(source).generate({**values, "strftime_now": strftime_now}):
            pieces.append(piece)
            written += len(piece)
            if written > MAX_TEXT:
                raise TemplateRefused(f"writes more than {MAX_TEXT:,} characters")
        return "".join(pieces)
    except SecurityError as error:
        raise TemplateRefused(f"does what it may not: {_line(error)}") from error
    except TemplateError as error:
        raise TemplateRefused(f"cannot be used: {_line(error)}") from error
    except (RecursionError, MemoryError) as error:
        raise TemplateRefused("calls itself without an end, or is nested too deeply") from error
    except _FAILURES as error:
        raise TemplateRefused(f"failed: {_line(error)}") from error
    finally:
        _meter.reset(token)


# What an expression can raise: division by zero, a missing key, a wrong type, too many loops in each other.
_FAILURES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NameError, RuntimeError, SyntaxError, TypeError,
    ValueError,
)  # fmt: skip


_meter: ContextVar[Meter] = ContextVar("meter")


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%", "-", "/", "//"})

    # These three are called by nodes that `_metered` puts into a template, where nothing can take their names.
    def turn(self, size: int) -> None:
        """At the beginning of what can be done again and again; `size` is the characters of plain text in it."""
        _meter.get().spend(1)
        _meter.get().made(size)

    def weighed(self, value: object) -> object:
        return _weighed(value)

    def joined(self, *values: object) -> str:
        meter = _meter.get()
        meter.made(sum(map(meter.printable, values)))
        return "".join(map(str, values))

    def wrap_str_format(self, value: Any) -> None:
        """Jinja's own replacement for `str.format` has no limit; `call` has."""

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(obj, "__self__", None)
        if owner is self:
            return obj(*args)
        _meter.get().spend(1)
        if isinstance(owner, str):
            given = {name: value for name, value in kwargs.items() if name not in ("_loop_vars", "_block_vars")}
            return _weighed(_method(owner, obj.__name__, args, given))
        if isinstance(owner, int | float):  # such as to_bytes, which takes a length
            raise SecurityError(f"{obj.__name__} of a number is not allowed here")
        return _weighed(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        meter = _meter.get()
        if operator == "*" and not (isinstance(left, int | float) and isinstance(right, int | float)):
            times, value = (left, right) if isinstance(left, int) else (right, left)
            if isinstance(value, list | tuple) and len(value) * abs(times) > MAX_VALUES:
                raise TemplateRefused("makes lists that are too long or too deep")
            meter.made(meter.weigh(value) * abs(times))
        elif operator == "**" and not (abs(left) <= MAX_BITS and abs(right) <= _LARGEST_POWER):
            raise TemplateRefused("reckons with numbers that are too large")
        elif operator == "%" and isinstance(left, str):
            if "%" in _PERCENT.sub("", left):
                raise TemplateRefused("formats a text in a way that is not allowed here")
            meter.made(len(left) + left.count("%") * meter.printable(right))
        return _weighed(super().call_binop(context, operator, left, right))


class _Generation(Extension):
    """`{% generation %}`, with which training marks the answer, changes nothing here."""

    tags = frozenset({"generation"})  # pyright: ignore[reportAssignmentType]

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@lru_cache(_KEPT)
def _compiled(source: str) -> Template:
    environment = _environment()
    return environment.from_string(_metered(environment.parse(source)))


@lru_cache(1)
def _environment() -> _Environment:
    environment = _Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        optimized=False,  # it would work out constants without a limit
        extensions=[loopcontrols, _Generation],
        finalize=_printed,
    )
    own = cast("Any", environment)
    known = own.filters
    own.filters = {
        **{name: _limited(known[name], is_text=False) for name in _PLAIN_FILTERS},
        **{name: _limited(known[name], is_text=True) for name in _TEXT_FILTERS},
        "indent": _indented,
        "join": _joined,
        "replace": _replaced,
        "tojson": _as_json,
    }
    named = {name: environment.globals[name] for name in ("range", "dict", "namespace", "cycler", "joiner")}
    own.globals = {**named, "raise_exception": _raise_exception}
    return environment


def _metered(template: nodes.Template) -> nodes.Template:
    """The same template, which passes through the meter."""
    # Children before parents, so that what is wrapped is done already.
    for node in reversed(_with_inner(template)):
        for field, value in list(node.iter_fields()):
            if isinstance(value, list):
                setattr(node, field, [_replacement(item) for item in value])
            else:
                setattr(node, field, _replacement(value))
        if isinstance(node, nodes.For | nodes.Macro | nodes.CallBlock | nodes.Block):
            inside = [inner for statement in node.body for inner in _with_inner(statement)]
            size = sum(len(inner.data) for inner in inside if isinstance(inner, nodes.TemplateData))
            node.body = [nodes.ExprStmt(_own("turn", nodes.Const(size))), *node.body]
    template.set_environment(_environment())
    return template


def _with_inner(node: nodes.Node) -> list[nodes.Node]:
    """Parents before their children."""
    found: list[nodes.Node] = []
    waiting = [node]
    while waiting:
        found.append(waiting.pop())
        waiting += found[-1].iter_child_nodes()
    return found


def _replacement(value: object) -> object:
    if isinstance(value, nodes.Concat):
        return _own("joined", *value.nodes)
    if isinstance(value, nodes.Compare):  # comparing goes through all of both sides
        return nodes.Compare(_own("weighed", value.expr), value.ops)
    is_slice = isinstance(value, nodes.Getitem) and isinstance(value.arg, nodes.Slice)
    is_tuple = isinstance(value, nodes.Tuple) and value.ctx == "load"
    if is_slice or is_tuple or isinstance(value, nodes.List | nodes.Dict):
        return _own("weighed", cast("nodes.Expr", value))
    return value


def _own(name: str, *args: nodes.Expr) -> nodes.Call:
    return nodes.Call(nodes.EnvironmentAttribute(name), list(args), [], None, None)


@pass_context  # which keeps Jinja from printing constants while it compiles
def _printed(context: Context, value: object) -> object:  # noqa: ARG001
    meter = _meter.get()
    meter.made(meter.printable(value))
    return value


def _weighed(value: object) -> object:
    meter = _meter.get()
    characters = meter.weigh(value)
    if isinstance(value, str):
        meter.made(characters)  # texts in a list exist already
    return value


def _limited(do: Callable[..., Any], *, is_text: bool) -> Callable[..., Any]:
    """A filter whose arguments and result are weighed.

    :param is_text: whether it makes text of its argument, whatever that is.
    """

    @wraps(do)
    def limited(*args: Any, **kwargs: Any) -> Any:
        meter = _meter.get()
        for value in args:
            (meter.printable if is_text else meter.weigh)(value)
        return _weighed(do(*args, **kwargs))

    return limited


def _method(text: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    meter = _meter.get()
    if name == "replace":
        return _replaced(text, *args, **kwargs)
    if name == "join":
        return _joined(args[0], text)
    if name == "format":
        if "{" in (rest := _BRACES.sub("", text)) or "}" in rest:
            raise TemplateRefused("formats a text in a way that is not allowed here")
        most = sum(map(meter.printable, [*args, *kwargs.values()]))
        meter.made(len(text) + text.count("{") * most)
        return str.format(text, *args, **kwargs)
    if name not in _METHODS:
        raise SecurityError(f"str.{name} is not allowed here")
    meter.made(len(text))
    return getattr(str, name)(text, *args, **kwargs)


def _replaced(value: object, old: str, new: str, count: int | None = None) -> str:
    meter = _meter.get()
    meter.printable(value)
    text = str(value)
    meter.made(len(text) + text.count(old) * len(new))
    return text.replace(old, new, -1 if count is None else count)


def _joined(values: Iterable[object], between: str = "", attribute: str | int | None = None) -> str:
    meter = _meter.get()
    items = list(islice(values, MAX_VALUES))
    if attribute is not None:
        items = [_environment().getitem(item, attribute) for item in items]
    meter.made(meter.printable(items) + len(items) * len(between))
    return between.join(map(str, items))


def _indented(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    if (len(width) if isinstance(width, str) else width) > _WIDTH:
        raise TemplateRefused("indents by too much")
    _meter.get().made(len(text) + (text.count("\n") + 1) * _WIDTH)
    return do_indent(text, width, first, blank)


def _as_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As `transformers` has it: Jinja's own filter escapes for HTML."""
    meter = _meter.get()
    meter.printable(value)
    if indent is not None and indent > _WIDTH:
        raise TemplateRefused("indents by too much")
    text = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    meter.made(len(text))
    return text


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _line(error: BaseException) -> str:
    """One line of what a library says of a template. It may quote the template, which is no secret."""
    return " ".join(str(error).split())[:_SHOWN].rstrip(".") or type(error).__name__
