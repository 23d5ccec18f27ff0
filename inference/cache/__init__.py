"""Answers that a model gave before, on this machine or to a teammate."""
