class NoPath(Exception):
    pass


def shortest_path(graph, start, goal):
    """Return (cost, nodes) of a cheapest path."""
    if start not in graph:
        raise KeyError(start)
    costs = {start: 0}
    previous = {}
    open_nodes = [start]
    closed = []
    while open_nodes:
        node = open_nodes[0]
        for candidate in open_nodes:
            if costs[candidate] < costs[node]:
                node = candidate
        if node == goal:
            return costs[node], _walk_back(previous, start, goal)
        open_nodes.remove(node)
        closed.append(node)
        for target, weight in graph.neighbours(node):
            if target in closed:
                continue
            cost = costs[node] + weight
            if target not in costs or cost < costs[target]:
                costs[target] = cost
                previous[target] = node
                if target not in open_nodes:
                    open_nodes.append(target)
    raise NoPath(f"no path from {start} to {goal}")


def reachable(graph, start):
    """Return the set of nodes that can be reached.

    >>> from graphs.graph import Graph
    >>> sorted(reachable(Graph([("a", "b", 1), ("c", "a", 1)]), "a"))
    ['a', 'b']
    """
    seen = []
    todo = [start]
    while todo:
        node = todo.pop(0)
        if node in seen:
            continue
        seen.append(node)
        for target, _ in graph.neighbours(node):
            todo.append(target)
    return set(seen)


def _walk_back(previous, start, goal):
    path = [goal]
    while path[-1] != start:
        path.append(previous[path[-1]])
    path.reverse()
    return path
