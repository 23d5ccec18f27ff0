"""Embeddings that were made before, on this machine or by a teammate's."""
