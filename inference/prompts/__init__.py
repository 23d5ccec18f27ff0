"""Prompts: Markdown files, a model's own chat template, and an order of parts that caches like. See docs/prompts.md."""
