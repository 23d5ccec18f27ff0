"""Measured quality: suites built from public repositories at pinned commits, baselines, reports."""
