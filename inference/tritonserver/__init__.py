"""A Triton Inference Server of one's own: installing it from its wheel, starting it, and keeping it alive.

The server is the one that the package `nvidia-pytriton` carries, used without that package's own code: an ordinary
server over an ordinary model repository, on loopback, with models written in Python.
"""
