"""The `Runner` that runs code in gVisor (`runsc`).

`bundle` and `rootfs` turn a RunSpec into an OCI bundle, `engine` into command lines; `cgroup` limits and
accounts; `process` starts, drains and waits; `verdict` says how a run ended; `home` keeps what is on disk and
reaps what a dead server left; `runner` joins them. What is enforced, by what, and what is not: docs/sandbox.md.
"""
