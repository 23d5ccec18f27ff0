"""Writes tiny causal models with a real tokenizer, for `code_llm_cpu`. Runs in the Triton models' environment, as
`python make_tiny_model.py FOLDER`: `random` has random weights, and beside it what it says by `transformers` itself;
`chain` says one character after the other, each of several tokens."""

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

CORPUS = [
    "def add(left, right):\n    return left + right\n",
    "class Room:\n    def __init__(self, name: str) -> None:\n        self.name = name\n",
    "for each in range(10):\n    print(each)\n",
]
CHAIN = "\N{PARTY POPPER}ö"  # six bytes, all different, so that each says which one is next
LONG = "for each in range(10):\n    print(each)\n" * 40


def tokenizer_of():
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(CORPUS * 8, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|endoftext|>", pad_token="<|endoftext|>")


def model_for(tokenizer):
    torch.manual_seed(7)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.5,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
    )
    return Qwen2ForCausalLM(config).eval()


def chained(model, tokenizer):
    """What follows depends on the last token alone."""
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.data.zero_()
        layer.mlp.down_proj.weight.data.zero_()
    ids = tokenizer.encode(CHAIN)
    assert len(set(ids)) == len(ids) == len(CHAIN.encode()), ids
    model.lm_head.weight.data.zero_()
    for this, following in zip(ids, [*ids[1:], ids[0]], strict=True):
        model.lm_head.weight.data[following] += model.model.embed_tokens.weight.data[this]
    return model


def save(model, tokenizer, folder):
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main(folder):
    tokenizer = tokenizer_of()
    model = model_for(tokenizer)
    save(model, tokenizer, folder / "random")
    ids = torch.tensor([tokenizer.encode(LONG)])
    with torch.inference_mode():
        found = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False)
    answer = found[0, ids.shape[1] :].tolist()
    reference = {"prompt": LONG, "prompt_tokens": ids.shape[1], "tokens": len(answer)}
    reference["text"] = tokenizer.decode(answer, skip_special_tokens=True)
    (folder / "reference.json").write_text(json.dumps(reference))
    save(chained(model, tokenizer), tokenizer, folder / "chain")


main(Path(sys.argv[1]))
