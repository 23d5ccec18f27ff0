"""The edits that follow from the last one: what it was, where else it belongs, and who writes it there."""
