"""Keep an index fresh: what changed, chunks and vectors for it, and one place to ask."""
