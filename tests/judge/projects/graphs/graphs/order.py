class CycleError(ValueError):
    pass


def topological_order(graph):
    """Return the nodes so that every edge points forward; ties by the order of insertion."""
    incoming = {node: 0 for node in graph.nodes()}
    for node in graph.nodes():
        for target, _ in graph.neighbours(node):
            incoming[target] += 1
    ready = [node for node in graph.nodes() if incoming[node] == 0]
    result = []
    while ready:
        node = ready.pop(0)
        result.append(node)
        for target, _ in graph.neighbours(node):
            incoming[target] -= 1
            if incoming[target] == 0:
                ready.append(target)
    if len(result) < len(graph):
        raise CycleError("the graph has a cycle")
    return result
