"""The table of model families that fill in the middle: their special tokens, their order and their layouts.

Sources are named with each family. Formats cannot be read from a served model: a tokenizer shows which tokens exist,
not which order the model was trained with (see `inference.fim.check` for what can be checked).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Order = Literal["prefix-first", "suffix-first"]
"""Which part of the file comes first in the prompt: PSM and SPM in Bavarian et al., arXiv 2207.14255, section 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryLayout:
    """How other files are shown. Templates name `{repository}`, `{path}` and `{code}`; code ends with a newline."""

    name: str = ""
    """The repository's name; left out when the name is not known."""
    file: str
    """One other file."""
    here: str = ""
    """What stands before the hole's own part."""
    here_in_prefix: str = ""
    """What the prefix begins with, where the file's path belongs behind the prefix mark."""
    inside_prefix: bool = False
    """Whether all of this stands behind the prefix mark, and not before the first mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    name: str
    order: Order
    prefix_mark: str
    """Marks are given with the spaces that belong to them: CodeLlama has `<PRE> `, ` <SUF>`, ` <MID>`."""
    suffix_mark: str
    middle_mark: str
    """Empty where the model answers right behind the second part: Codestral."""
    start: str = ""
    """What each prompt begins with."""
    here: str = ""
    """What stands before the hole's own part at file level; a template of `{path}` and `{language}`."""
    end: str = ""
    """What each prompt ends with."""
    repository: RepositoryLayout | None = None
    """None where no layout is documented: then other files are left out."""
    special_tokens: tuple[str, ...]
    """All that may neither come from the user's code nor reach a buffer; those that end a middle come first."""
    text_stops: tuple[str, ...] = ()
    """Ordinary text that ends a middle."""

    @property
    def fim_tokens(self) -> tuple[str, ...]:
        """The tokens of the three marks, without the spaces around them."""
        marks = (self.prefix_mark, self.suffix_mark, self.middle_mark)
        return tuple(mark.strip() for mark in marks if mark)

    @property
    def stops(self) -> tuple[str, ...]:
        """What ends a middle, the most likely first: some servers take no more than four."""
        return (*self.special_tokens, *self.text_stops)


def family_of(model: str) -> Family | None:
    """The family of a served model by its name, such as `Qwen/Qwen2.5-Coder-7B` or `codellama:13b-code`.

    The last part of a path that says anything decides. None for models of these families that have no
    fill-in-the-middle (CodeLlama 34B, Granite 3.0 to 3.2) and for unknown ones: those get a hole to fill in a chat.
    """
    for part in reversed(re.split(r"[/\\]|--", model.lower())):
        if _WITHOUT.search(part):
            return None
        for family, pattern in _NAMES:
            if pattern.search(part):
                return family
    return None


_STARCODER_MARKS = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>")
_PIPED_MARKS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>")

QWEN_CODER = Family(  # Qwen3-Coder README, issues 343 and 492 there; llama.cpp pull request 9894
    name="qwen-coder",
    order="prefix-first",
    prefix_mark="<|fim_prefix|>",
    suffix_mark="<|fim_suffix|>",
    middle_mark="<|fim_middle|>",
    repository=RepositoryLayout(
        name="<|repo_name|>{repository}\n", file="<|file_sep|>{path}\n{code}", here="<|file_sep|>{path}\n"
    ),
    special_tokens=("<|endoftext|>", "<|file_sep|>", "<|repo_name|>", "<|im_end|>", *_PIPED_MARKS, "<|im_start|>"),
)
CODEQWEN = Family(  # Qwen3-Coder issue 57: the token is <repo_name>, older documentation was wrong
    name="codeqwen1.5",
    order="prefix-first",
    prefix_mark="<fim_prefix>",
    suffix_mark="<fim_suffix>",
    middle_mark="<fim_middle>",
    repository=RepositoryLayout(
        name="<repo_name>{repository}\n", file="<file_sep>{path}\n{code}", here="<file_sep>{path}\n"
    ),
    special_tokens=("<file_sep>", "<|endoftext|>", "<repo_name>", *_STARCODER_MARKS, "<|im_end|>", "<|im_start|>"),
)
STARCODER2 = Family(  # starcoder2 issue 10; arXiv 2402.19173, section 5.1: the prefix mark stands before the path
    name="starcoder2",
    order="prefix-first",
    prefix_mark="<fim_prefix>",
    suffix_mark="<fim_suffix>",
    middle_mark="<fim_middle>",
    repository=RepositoryLayout(
        name="<repo_name>{repository}",
        file="<file_sep>{path}\n{code}",
        here="<file_sep>",
        here_in_prefix="{path}\n",
    ),
    # It does not stop by itself without <file_sep>.
    special_tokens=("<file_sep>", "<|endoftext|>", "<repo_name>", *_STARCODER_MARKS),
)
STARCODER = Family(  # starcoder-playground formats.md; Cody
    name="starcoder",
    order="prefix-first",
    prefix_mark="<fim_prefix>",
    suffix_mark="<fim_suffix>",
    middle_mark="<fim_middle>",
    repository=RepositoryLayout(
        name="<reponame>{repository}", file="<filename>{path}\n{code}", here="<filename>{path}"
    ),
    special_tokens=("<|endoftext|>", "<filename>", "<reponame>", "<gh_stars>", *_STARCODER_MARKS),
)
SANTACODER = Family(  # its special_tokens_map.json: hyphens
    name="santacoder",
    order="prefix-first",
    prefix_mark="<fim-prefix>",
    suffix_mark="<fim-suffix>",
    middle_mark="<fim-middle>",
    special_tokens=("<|endoftext|>", "<fim-prefix>", "<fim-suffix>", "<fim-middle>", "<fim-pad>"),
)
DEEPSEEK_CODER = Family(  # DeepSeek-Coder README: U+FF5C and U+2581, not | and _; the middle's token is the hole's
    name="deepseek-coder",
    order="prefix-first",
    prefix_mark="<｜fim▁begin｜>",  # noqa: RUF001
    suffix_mark="<｜fim▁hole｜>",  # noqa: RUF001
    middle_mark="<｜fim▁end｜>",  # noqa: RUF001
    repository=RepositoryLayout(file="#{path}\n{code}"),
    special_tokens=(
        "<｜end▁of▁sentence｜>",  # noqa: RUF001
        "<|EOT|>",
        "<｜fim▁begin｜>",  # noqa: RUF001
        "<｜fim▁hole｜>",  # noqa: RUF001
        "<｜fim▁end｜>",  # noqa: RUF001
        "<｜begin▁of▁sentence｜>",  # noqa: RUF001
        "<｜User｜>",  # noqa: RUF001
        "<｜Assistant｜>",  # noqa: RUF001
    ),
)
CODELLAMA = Family(  # codellama issue 209: no file delimiter; the spaces matter
    name="codellama",
    order="prefix-first",
    prefix_mark="<PRE> ",
    suffix_mark=" <SUF>",
    middle_mark=" <MID>",
    special_tokens=("<EOT>", "</s>", "<PRE>", "<SUF>", "<MID>", "<s>"),
)
CODESTRAL = Family(  # mistral-common `encode_fim`; the plus signs are Continue's convention for several files
    name="codestral",
    order="suffix-first",
    prefix_mark="[PREFIX]",
    suffix_mark="[SUFFIX]",
    middle_mark="",
    repository=RepositoryLayout(file="+++++ {path}\n{code}", here="+++++ {path}\n", inside_prefix=True),
    special_tokens=("</s>", "[PREFIX]", "[SUFFIX]", "[MIDDLE]", "<s>", "[INST]", "[/INST]"),
    text_stops=("\n+++++ ",),
)
CODEGEMMA = Family(  # ai.google.dev/gemma, CodeGemma's prompt structure
    name="codegemma",
    order="prefix-first",
    prefix_mark="<|fim_prefix|>",
    suffix_mark="<|fim_suffix|>",
    middle_mark="<|fim_middle|>",
    repository=RepositoryLayout(file="{path}\n{code}<|file_separator|>"),
    special_tokens=(
        "<|file_separator|>", "<eos>", "<end_of_turn>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<bos>",
        "<start_of_turn>",
    ),
)  # fmt: skip
GRANITE_CODE = Family(  # StarCoder's tokenizer
    name="granite-code",
    order="prefix-first",
    prefix_mark="<fim_prefix>",
    suffix_mark="<fim_suffix>",
    middle_mark="<fim_middle>",
    repository=STARCODER.repository,
    special_tokens=STARCODER.special_tokens,
)
# Its tokenizer_config.json as quoted in llama.cpp pull request 12988: StarCoder's spellings, and no file separator.
GRANITE_3_3 = Family(
    name="granite-3.3",
    order="prefix-first",
    prefix_mark="<fim_prefix>",
    suffix_mark="<fim_suffix>",
    middle_mark="<fim_middle>",
    special_tokens=(
        "<|end_of_text|>", *_STARCODER_MARKS, "<reponame>", "<|start_of_role|>", "<|end_of_role|>", "<|tool_call|>",
    ),
)  # fmt: skip
GRANITE_4 = Family(  # ibm.com/granite/docs, fill in the middle; how several files are shown is not documented
    name="granite-4",
    order="prefix-first",
    prefix_mark="<|fim_prefix|>",
    suffix_mark="<|fim_suffix|>",
    middle_mark="<|fim_middle|>",
    special_tokens=(
        "<|end_of_text|>", *_PIPED_MARKS, "<|filename|>", "<|reponame|>", "<|start_of_role|>", "<|end_of_role|>",
    ),
)  # fmt: skip
SEED_CODER = Family(  # arXiv 2506.03524, section 2.2; no layout of several files is documented (Seed-Coder issue 12)
    name="seed-coder",
    order="suffix-first",
    prefix_mark="<[fim-prefix]>",
    suffix_mark="<[fim-suffix]>",
    middle_mark="<[fim-middle]>",
    special_tokens=(
        "<[end▁of▁sentence]>", "<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", "<[begin▁of▁sentence]>",
    ),
)  # fmt: skip
MELLUM = Family(  # arXiv 2510.05788: StarCoder's spellings in the other order
    name="mellum",
    order="suffix-first",
    prefix_mark="<fim_prefix>",
    suffix_mark="<fim_suffix>",
    middle_mark="<fim_middle>",
    repository=RepositoryLayout(file="<filename>{path}\n{code}", here="<filename>{path}\n"),
    special_tokens=("<|endoftext|>", "<filename>", "<reponame>", *_STARCODER_MARKS, "<|im_end|>", "<|im_start|>"),
)
STABLE_CODE = Family(
    name="stable-code",
    order="prefix-first",
    prefix_mark="<fim_prefix>",
    suffix_mark="<fim_suffix>",
    middle_mark="<fim_middle>",
    special_tokens=("<|endoftext|>", *_STARCODER_MARKS),
)
REFACT = Family(
    name="refact",
    order="suffix-first",
    prefix_mark="<fim_prefix>",
    suffix_mark="<fim_suffix>",
    middle_mark="<fim_middle>",
    special_tokens=("<|endoftext|>", "<filename>", "<reponame>", *_STARCODER_MARKS),
)
_CODEGEEX_HERE = "###PATH:{path}\n###LANGUAGE:{language}\n###MODE:BLOCK\n"
CODEGEEX4 = Family(  # CodeGeeX4's guide to infilling: the hole stands in a turn of a chat
    name="codegeex4",
    order="suffix-first",
    prefix_mark="<|code_prefix|>",
    suffix_mark="<|code_suffix|>",
    middle_mark="<|code_middle|>",
    start="<|user|>\n",
    here=_CODEGEEX_HERE,
    end="<|assistant|>\n",
    repository=RepositoryLayout(file="###REFERENCE:\n###PATH:{path}\n{code}", here=_CODEGEEX_HERE),
    special_tokens=(
        "<|endoftext|>", "<|user|>", "<|assistant|>", "<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>",
        "<|system|>", "<|observation|>",
    ),
)  # fmt: skip
GLM_4 = Family(  # Zed, `format_fim_prompt`
    name="glm-4",
    order="prefix-first",
    prefix_mark="<|code_prefix|>",
    suffix_mark="<|code_suffix|>",
    middle_mark="<|code_middle|>",
    special_tokens=CODEGEEX4.special_tokens,
)
MERCURY = Family(  # Continue; the file's path is shown at file level too
    name="mercury",
    order="prefix-first",
    prefix_mark="<|fim_prefix|>",
    suffix_mark="<|fim_suffix|>",
    middle_mark="<|fim_middle|>",
    here="<|file_sep|>{path}\n",
    special_tokens=QWEN_CODER.special_tokens,
)

FAMILIES: tuple[Family, ...] = (
    QWEN_CODER, CODEQWEN, STARCODER2, STARCODER, SANTACODER, DEEPSEEK_CODER, CODELLAMA, CODESTRAL, CODEGEMMA,
    GRANITE_CODE, GRANITE_3_3, GRANITE_4, SEED_CODER, MELLUM, STABLE_CODE, REFACT, CODEGEEX4, GLM_4, MERCURY,
)  # fmt: skip

SPECIAL_TOKENS: tuple[str, ...] = tuple(
    sorted({token for family in FAMILIES for token in family.special_tokens}, key=lambda token: (-len(token), token))
)
"""Those of every family, the longest first."""

# Words may stand apart or together: `Qwen2.5-Coder`, `qwen25coder`, `starcoder_2`, `granite-3.3-8b`, `granite3.3:8b`.
_S = r"[-_ .:]?"
_WITHOUT = re.compile(
    r"codellama.*?(?<!\d)(?:34|70)b|codellama.*python|code-llama.*?(?<!\d)(?:34|70)b|codestral.*mamba|mamba.*codestral"
)
_NAMES: tuple[tuple[Family, re.Pattern[str]], ...] = tuple(
    (family, re.compile(rf"(?<![a-z0-9])(?:{pattern})"))
    for family, pattern in (
        (CODEQWEN, rf"codeqwen{_S}1{_S}5"),
        (QWEN_CODER, rf"qwen{_S}(?:2{_S}5|3(?:[._]\d)?){_S}coder"),
        (STARCODER2, rf"starcoder{_S}2(?!\d)"),
        (STARCODER, r"(?:tiny_)?starcoder(?:base|plus)?(?![a-z0-9])"),
        (SANTACODER, r"(?:gpt_bigcode-)?santacoder"),
        (DEEPSEEK_CODER, rf"deepseek{_S}coder"),
        (CODELLAMA, r"code-?llama"),
        (CODESTRAL, r"codestral"),
        (CODEGEMMA, r"codegemma"),
        (GRANITE_3_3, rf"granite{_S}3{_S}3(?!\d)"),
        (GRANITE_4, rf"granite{_S}4(?!\d|b)"),
        (GRANITE_CODE, r"granite-code|granite-\d+b-code"),
        (SEED_CODER, rf"seed{_S}coder"),
        (MELLUM, r"mellum"),
        (STABLE_CODE, r"stable-?code(?!r)"),
        (REFACT, r"refact-1"),
        (CODEGEEX4, rf"codegeex{_S}4"),
        (GLM_4, r"glm-?4"),
        (MERCURY, r"mercury"),
    )
)
