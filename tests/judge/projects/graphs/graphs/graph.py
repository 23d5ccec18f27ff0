class Graph:
    def __init__(self, edges=()):
        self._edges = {}
        for source, target, weight in edges:
            self.add(source, target, weight)

    def add(self, source, target, weight=1):
        if weight < 0:
            raise ValueError("weights must not be negative")
        self._edges.setdefault(source, {})[target] = weight
        self._edges.setdefault(target, {})

    def nodes(self):
        return list(self._edges)

    def neighbours(self, node):
        return self._edges[node].items()

    def without(self, node):
        """Return a copy that lacks a node and its edges."""
        kept = Graph()
        for source in self._edges:
            for target, weight in self._edges[source].items():
                if source != node and target != node:
                    kept.add(source, target, weight)
        return kept

    def __contains__(self, node):
        return node in self._edges

    def __len__(self):
        return len(self._edges)
