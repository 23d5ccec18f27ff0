"""Models in Triton Inference Server, over gRPC.

What it sends is not trusted: everything has a largest size and a longest time, and secrets go to the configured address
only, never into an error or a log.
"""
