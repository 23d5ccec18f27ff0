"""Measured speed and measured judgement, with reports."""
