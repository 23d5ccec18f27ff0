"""Run code safely and judge what the run proves."""
