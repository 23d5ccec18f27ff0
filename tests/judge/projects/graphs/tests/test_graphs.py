import random

import pytest

from graphs import CycleError, Graph, NoPath, reachable, shortest_path, topological_order


def grid(size):
    graph = Graph()
    for x in range(size):
        for y in range(size):
            if x + 1 < size:
                graph.add((x, y), (x + 1, y), 1 + (x * y) % 3)
            if y + 1 < size:
                graph.add((x, y), (x, y + 1), 1 + (x + y) % 2)
    return graph


def test_nodes():
    graph = Graph([("a", "b", 1)])
    assert graph.nodes() == ["a", "b"]
    assert "a" in graph
    assert len(graph) == 2


def test_negative_weight():
    with pytest.raises(ValueError):
        Graph([("a", "b", -1)])


def test_direct_or_around():
    graph = Graph([("a", "b", 5), ("a", "c", 1), ("c", "b", 1)])
    assert shortest_path(graph, "a", "b") == (2, ["a", "c", "b"])


def test_start_is_goal():
    assert shortest_path(Graph([("a", "b", 1)]), "a", "a") == (0, ["a"])


def test_no_path():
    with pytest.raises(NoPath):
        shortest_path(Graph([("a", "b", 1)]), "b", "a")


def test_unknown_start():
    with pytest.raises(KeyError):
        shortest_path(Graph(), "a", "b")


def test_grid():
    cost, nodes = shortest_path(grid(6), (0, 0), (5, 5))
    assert nodes[0] == (0, 0)
    assert nodes[-1] == (5, 5)
    assert cost == sum(dict(grid(6).neighbours(a))[b] for a, b in zip(nodes, nodes[1:]))


def test_cost_is_never_above_the_direct_edge():
    numbers = random.Random(3)
    for _ in range(10):
        edges = [(a, b, numbers.randint(1, 9)) for a in range(8) for b in range(8) if a != b]
        graph = Graph(edges)
        for a, b, weight in edges:
            assert shortest_path(graph, a, b)[0] <= weight


def test_reachable():
    graph = Graph([(1, 2, 1), (2, 3, 1), (3, 1, 1), (4, 1, 1)])
    assert reachable(graph, 1) == {1, 2, 3}
    assert reachable(graph, 4) == {1, 2, 3, 4}


def test_order():
    graph = Graph([("shirt", "tie", 1), ("tie", "jacket", 1), ("trousers", "jacket", 1)])
    assert topological_order(graph) == ["shirt", "trousers", "tie", "jacket"]


def test_order_of_a_cycle():
    with pytest.raises(CycleError):
        topological_order(Graph([(1, 2, 1), (2, 1, 1)]))


def test_every_edge_points_forward():
    order = topological_order(grid(5))
    for node in order:
        for target, _ in grid(5).neighbours(node):
            assert order.index(node) < order.index(target)
