"""From two lists of candidates to one order: pure functions with named constants."""
