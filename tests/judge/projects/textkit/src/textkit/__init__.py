"""Small text tools."""

from textkit.cases import camel, kebab, snake, words_of
from textkit.slug import slugify, unique_slug
from textkit.wrap import indent, wrap

__all__ = ["camel", "indent", "kebab", "slugify", "snake", "unique_slug", "words_of", "wrap"]
