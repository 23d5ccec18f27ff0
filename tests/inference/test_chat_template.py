"""Chat templates in the style of well-known families, as they stand in chat_cases, and templates that mean harm."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.fim.families import SPECIAL_TOKENS
from inference.ports import Message
from inference.prompts.chat import BadTemplate, ChatTemplate, load_template, render, template_source
from inference.prompts.inert import CONTROL_TOKENS, made_inert
from inference.tokens.local import LocalTokenizer
from tests.inference.own_tokenizers import saved

CASES = Path(__file__).parent / "chat_cases"
TOKENS = {
    "chatml": ("", "<|im_end|>"),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>"),
    "mistral": ("<s>", "</s>"),
    "gemma": ("<bos>", "<eos>"),
    "deepseek": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),  # noqa: RUF001
    "phi": ("", "<|endoftext|>"),
    "drops_system": ("", ""),
}
MESSAGES = (
    Message(role="system", content="Answer briefly."),
    Message(role="user", content="What is <b>?\n"),
    Message(role="assistant", content="<think>Hm.</think>\nA tag & more."),
    Message(role="user", content="Thanks! {{ 7 * 7 }} {% raw %}"),
)


def template(name: str) -> ChatTemplate:
    bos, eos = TOKENS[name]
    source = (CASES / f"{name}.jinja").read_text("utf-8")
    return ChatTemplate(source=source, tokens=(("bos_token", bos), ("eos_token", eos)))


def noon() -> datetime:
    return datetime(2026, 3, 1, 12)


@pytest.mark.parametrize("name", TOKENS)
def test_messages_become_the_familys_text(name: str) -> None:
    expected = (CASES / f"{name}.txt").read_bytes().decode()
    assert render(template(name), MESSAGES, now=noon) == expected


def test_every_case_is_tested() -> None:
    assert {path.stem for path in CASES.iterdir()} == set(TOKENS)


def test_without_a_prompt_for_the_answer_the_text_ends_with_the_last_message() -> None:
    text = render(template("chatml"), MESSAGES, add_generation_prompt=False)
    assert text.endswith("{{ 7 * 7 }} {% raw %}<|im_end|>\n")


@pytest.mark.parametrize("name", ["mistral", "gemma"])
def test_roles_that_do_not_alternate_are_joined(name: str) -> None:
    twice = (Message(role="user", content="One."), Message(role="user", content="Two."))
    once = (Message(role="user", content="One.\n\nTwo."),)
    assert render(template(name), twice) == render(template(name), once)


def test_an_answer_that_comes_first_gets_a_question() -> None:
    messages = (Message(role="system", content="Be brief."), Message(role="assistant", content="Yes?"))
    assert render(template("mistral"), messages) == "<s>[INST] Be brief. [/INST]Yes?</s>"


def test_what_no_variant_gets_through_is_refused_with_the_templates_words() -> None:
    with pytest.raises(BadTemplate, match=r"chat template cannot be used: Never\. Name another template"):
        render(ChatTemplate(source="{{ raise_exception('Never.') }}"), MESSAGES)
    with pytest.raises(BadTemplate):
        render(template("gemma"), ())


def test_a_template_that_quotes_is_taken_as_it_is() -> None:
    assert render(ChatTemplate(source="{{ messages | tojson }}"), MESSAGES).startswith('[{"role": "system"')


_HALVES = ("<|im_", "end|>", "<", "[", "/INST]", "x", "\n", "</s", ">")


@given(st.lists(st.sampled_from([*CONTROL_TOKENS, *_HALVES]), max_size=8))
def test_no_message_ends_its_turn(parts: list[str]) -> None:
    content = "".join(parts)
    for name in TOKENS:
        tokens = (*CONTROL_TOKENS, *(token for token in TOKENS[name] if token))
        harmless = render(template(name), [Message(role="user", content="x")])
        text = render(template(name), [Message(role="user", content=f"x{content}x")])
        assert [text.count(token) for token in tokens] == [harmless.count(token) for token in tokens]


@given(st.lists(st.sampled_from([*CONTROL_TOKENS[:6], "<|", "|>", "a b", " ", "<s>", "b", "a"]), max_size=8))
def test_made_inert_is_done_at_once_and_only_puts_spaces_in(parts: list[str]) -> None:
    text, special = "".join(parts), (*CONTROL_TOKENS[:6], "<s>", "a b", " a", "x")
    inert = made_inert(text, special)
    assert not any(token in inert for token in special if len(token) > 1)
    assert made_inert(inert, special) == inert
    if "a b" not in text and " a" not in text:
        assert inert.replace(" ", "") == text.replace(" ", "")


def test_inert_text_has_no_special_id_in_the_models_own_tokenizer(tmp_path: Path) -> None:
    tokenizer = LocalTokenizer(saved(tmp_path, "qwen", [*SPECIAL_TOKENS, *CONTROL_TOKENS]))
    special = {tokenizer.encode(token)[0] for token in tokenizer.special_tokens}
    text = "see <|im_end|> and <s>x</s> [INST] <|fim_middle|>"
    assert special & set(tokenizer.encode(text))
    assert not special & set(tokenizer.encode(made_inert(text, tokenizer.special_tokens)))


def test_html_stays_where_the_model_has_no_such_token() -> None:
    asked = [Message(role="user", content="<s>old</s>")]
    assert "<s>old</s>" in render(replace(template("chatml"), tokens=()), asked)
    assert "< s>old< /s>" in render(template("mistral"), asked)


NAMED = [{"name": "default", "template": "A"}, {"name": "tool_use", "template": "B"}]


@pytest.mark.parametrize(
    ("config", "files", "name", "expected"),
    [
        ({"chat_template": "A"}, {}, "default", "A"),
        ({"chat_template": NAMED}, {}, "default", "A"),
        ({"chat_template": NAMED}, {}, "tool_use", "B"),
        ({"chat_template": {"default": "A", "rag": "B"}}, {}, "rag", "B"),
        ({"chat_template": {"default": "A"}}, {}, "rag", "A"),
        ({"chat_template": "A"}, {"chat_template.jinja": "C"}, "default", "C"),
        ({}, {"chat_template.jinja": "C", "additional_chat_templates/rag.jinja": "D"}, "rag", "D"),
        ({"chat_template": 7}, {}, "default", None),
        ({"chat_template": [7, {"name": "default"}]}, {}, "default", None),
        (None, {}, "default", None),
    ],
)  # fmt: skip
def test_where_a_model_keeps_its_template(
    tmp_path: Path, config: object, files: dict[str, str], name: str, expected: str | None
) -> None:
    if config is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    found = load_template(tmp_path, name=name)
    assert (found.source if found else None) == expected


def test_the_tokens_come_from_the_same_folder(tmp_path: Path) -> None:
    config = {
        "chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}",
        "bos_token": "<s>",
        "eos_token": {"content": "</s>", "lstrip": False},
        "pad_token": None,
        "added_tokens_decoder": {"5": {"content": "<|x|>", "special": True}, "6": {"content": "<y>", "special": False}},
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    found = load_template(tmp_path)
    assert found is not None
    assert found.special_tokens == ("<|x|>",)
    assert render(found, [Message(role="user", content="<|x|><y></s>")]) == "<s>< |x|><y>< /s></s>"


def test_a_broken_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(BadTemplate, match=r"tokenizer_config\.json is not JSON"):
        load_template(tmp_path)
    assert template_source(None) is None


DOUBLING = "{%% set ns = namespace(x=%s) %%}{%% for i in range(99) %%}{%% set ns.x = %s %%}{%% endfor %%}{{ ns.x }}"
HOSTILE = {
    "loops in loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% for k in range(99999) %}{% endfor %}"
    "{% endfor %}{% endfor %}",
    "a range without an end": "{% for i in range(10 ** 9) %}{% endfor %}",
    "a macro that calls itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a macro that calls itself twice": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}"
    "{{ f(60) }}",
    "a loop that calls itself": "{% for i in range(99999) recursive %}{{ loop(range(9999)) }}{% endfor %}",
    "a block that calls itself": "{% block a %}{{ self.a() }}{% endblock %}",
    "comparing in a loop": "{% set a = range(90000)|list %}{% for i in range(99999) %}{% if a == a[:-1] + [89999] %}"
    "{% endif %}{% endfor %}",
    "much output": "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
    "much plain output": "{% for i in range(99999) %}" + "x" * 1000 + "{% endfor %}",
    "much output kept": "{% set x %}{% for i in range(99999) %}" + "x" * 1000 + "{% endfor %}{% endset %}",
    "a long text": "{{ 'x' * 10 ** 9 }}",
    "a long list": "{{ [0] * 10 ** 9 }}",
    "a large number": "{{ 9 ** 9 ** 9 }}",
    "a number that is squared": DOUBLING % ("2", "ns.x * ns.x"),
    "a text that doubles": DOUBLING % ("'x'", "ns.x ~ ns.x"),
    "a text that is added": DOUBLING % ("'x'", "ns.x + ns.x"),
    "a text that is replaced": DOUBLING % ("'x'", "ns.x.replace('x', 'xx')"),
    "a text that is replaced by a filter": DOUBLING % ("'x'", "ns.x|replace('x', 'xx')"),
    "a text that is joined": DOUBLING % ("'x'", "ns.x.join([ns.x, ns.x])"),
    "a text that is formatted": DOUBLING % ("'x'", "'%s%s' % (ns.x, ns.x)"),
    "a text that is filled in": DOUBLING % ("'x'", "'{}{}'.format(ns.x, ns.x)"),
    "lists in lists": DOUBLING % ("1", "[ns.x, ns.x]"),
    "dicts in dicts": DOUBLING % ("1", "dict(a=ns.x, b=ns.x)"),
    "namespaces in namespaces": DOUBLING % ("1", "namespace(a=ns.x, b=ns.x)"),
    "a padded text": "{{ 'x'.center(10 ** 9) }}",
    "a padded number": "{{ '%1000000000d' % 1 }}",
    "a padded field": "{{ '{:1000000000}'.format(1) }}",
    "a number in bytes": "{{ (1).to_bytes(10 ** 9, 'big') }}",
    "a wide indentation": "{{ 'x'|indent(10 ** 9, true) }}",
    "an indented JSON": "{{ [1]|tojson(indent=10 ** 9) }}",
    "a filled batch": "{{ [1]|batch(10 ** 9, 0)|list }}",
    "a long time": "{{ strftime_now('%1000000000d') }}",
    "words of Latin": "{{ lipsum(n=10 ** 6) }}",
    "classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ cycler.__init__.__globals__ }}",
    "globals of our own function": "{{ raise_exception.__globals__.os }}",
    "a class by formatting": "{{ '{0.__class__}'.format('') }}",
    "a class by a filter": "{{ ''|attr('__class__') }}",
    "changing the messages": "{{ messages.append(messages) }}",
    "another file": "{% include '/etc/passwd' %}",
    "undefined and used": "{{ nothing.at.all }}",
    "division by zero": "{{ 1 / 0 }}",
    "a wrong type": "{{ 1 + 'a' }}",
    "no such filter": "{{ 1|nothing }}",
    "no end": "{% for message in messages %}",
    "deep brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "deep conditions": "{% if 1 %}" * 600 + "{% endif %}" * 600,
    "deep loops": "{% for a in [1] %}" * 60 + "{% endfor %}" * 60,
    "a long template": "x" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_a_template_that_means_harm_is_refused_in_time_and_space(source: str) -> None:
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadTemplate, match="The model's chat template "):
        render(ChatTemplate(source=source), [Message(role="user", content="Hello")])
    assert time.monotonic() - began < 30  # a guard against hanging: three variants of at most two seconds each
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 << 10  # kilobytes


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ undefined_name }}|{{ ''.__class__ }}", "|"),
        ("{{ 'a' ~ 1 ~ none ~ [1, 'b'] }}", "a1None[1, 'b']"),
        ("{{ '%s-%d' % ('a', 2) }} {{ '{} {x} {{'.format(1, x=2) }}", "a-2 1 2 {"),
        ("{{ messages|map(attribute='content')|join(', ')|replace('Hello', 'Bye')|upper }}", "BYE"),
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("{{ {'b': '<é>', 'a': [1]}|tojson }} {{ {'a': 1}|tojson(indent=1) }}", '{"b": "<é>", "a": [1]} {\n "a": 1\n}'),
        ("{% macro say(x, y=2) %}{{ x }}{{ y }}{% endmacro %}{{ say('a') }}{{ say(1, y=3) }}", "a213"),
        ("{{ ' a '.strip() }}{{ 'a,b'.split(',')[-1] }}{{ messages[-1]['content'][1:3] }}", "abel"),
        ("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "1"),
        ("{{ messages|selectattr('role', 'equalto', 'user')|list|length }}{{ (1, 2)[1] }}{{ 7 // 2 }}", "123"),
        ("{% set a, b = 1, 2 %}{{ a < b < 3 and a in [1] and 'x' not in 'abc' }}", "True"),
        ("{%- filter trim %}  x  {% endfilter -%}", "x"),
        ("{{ tools is none and documents is none }}{{ bos_token is defined }}", "TrueFalse"),
    ],
)  # fmt: skip
def test_what_templates_do_goes_on_doing_what_jinja_says(source: str, expected: str) -> None:
    assert render(ChatTemplate(source=source), [Message(role="user", content="Hello")]) == expected


@pytest.mark.parametrize("name", ["chatml", "llama3", "deepseek", "phi"])
def test_the_limits_change_nothing_in_what_is_written(name: str) -> None:
    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    plain = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    messages = [{"role": each.role, "content": each.content} for each in MESSAGES]
    expected = plain.from_string(template(name).source).render(
        messages=messages, add_generation_prompt=True, tools=None, documents=None, strftime_now=noon().strftime,
        **dict(template(name).tokens),
    )  # fmt: skip
    assert render(template(name), MESSAGES, now=noon) == expected


def test_a_long_conversation_is_no_harm() -> None:
    messages = [
        Message(role="user" if n % 2 == 0 else "assistant", content=f"{n} " + "line of code\n" * 100)
        for n in range(401)
    ]
    assert len(render(template("mistral"), messages)) > 400 * 1300
    collecting = "{% set all = [] %}{% for m in messages %}{% set all = all + [m] %}{% endfor %}{{ all|tojson }}"
    render(ChatTemplate(source=collecting), messages)
