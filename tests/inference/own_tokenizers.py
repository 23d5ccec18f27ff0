"""Real tokenizers of the kinds that models for code have, made on the spot from this repository's own files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

ROOT = Path(__file__).resolve().parents[2]
# How Qwen2.5 and Llama 3 cut text into words, as their tokenizer.json says.
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
Style = Literal["qwen", "gpt2", "llama2"]


def code() -> list[str]:
    return [path.read_text("utf-8") for path in sorted((ROOT / "inference").rglob("*.py"))]


@cache
def _trained(style: Style) -> str:
    tokenizer = Tokenizer(BPE(byte_fallback=style == "llama2", unk_token="<unk>" if style == "llama2" else None))
    alphabet: list[str] = []
    special: list[str | AddedToken] = ["<unk>"]
    if style == "llama2":
        # No words at all: a space is a sign like others, one is put in front, and what is unknown falls into bytes.
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        tokenizer.pre_tokenizer = pre_tokenizers.Split("\n", "isolated")
        special += [f"<0x{byte:02X}>" for byte in range(256)]
    elif style == "qwen":
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(_WORDS), "isolated"), byte_level])
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    if style != "llama2":
        tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(vocab_size=2_000, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(code(), trainer)
    if style == "llama2":
        tokenizer.pre_tokenizer = None
    return tokenizer.to_str()


def saved(folder: Path, style: Style, special: Sequence[str] = ()) -> Path:
    """The path of a tokenizer.json."""
    tokenizer = Tokenizer.from_str(_trained(style))
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return path
