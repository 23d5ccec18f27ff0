"""Chunks and questions as sparse vectors of words."""
