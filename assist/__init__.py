"""The use cases, free of LSP: the edit loop and its proposers."""
