"""Directed graphs with weights.

>>> from graphs import Graph, shortest_path
>>> graph = Graph([("a", "b", 1), ("b", "c", 2), ("a", "c", 9)])
>>> shortest_path(graph, "a", "c")
(3, ['a', 'b', 'c'])
"""

from graphs.graph import Graph
from graphs.order import CycleError, topological_order
from graphs.paths import NoPath, reachable, shortest_path

__all__ = ["CycleError", "Graph", "NoPath", "reachable", "shortest_path", "topological_order"]
