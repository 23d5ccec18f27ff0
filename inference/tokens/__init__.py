"""How many tokens a text has: by the served model's own tokenizer, or a stated estimate. See docs/prompts.md."""
