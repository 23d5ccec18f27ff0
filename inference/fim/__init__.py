"""Fill-in-the-middle prompts in the dialect of each model family, and what guards them. See docs/fim.md."""
