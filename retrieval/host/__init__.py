"""The index host: a process that owns one workspace's index, and the client that starts and asks it."""
