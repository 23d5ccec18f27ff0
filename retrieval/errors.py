"""What can go wrong when code is looked for.

RetrievalError
├── StoreError              the store of chunks did not do what it was asked
│   ├── StoreUnavailable    it cannot be reached now; trying again later may help
│   └── StoreCorrupt        what it holds cannot be read; the index must be rebuilt
├── EmbedderError           no vectors, or not what vectors must be
├── HostUnavailable         the index host did not start or does not answer
└── IndexBusy               another process owns this workspace's index
"""


class RetrievalError(Exception):
    """Its text is one sentence for the reader, with what can be done."""


class StoreError(RetrievalError):
    """The store of chunks did not do what it was asked."""


class StoreUnavailable(StoreError):
    """The store cannot be reached now."""


class StoreCorrupt(StoreError):
    """What the store holds cannot be read."""


class EmbedderError(RetrievalError):
    """An embedder gave no vectors, or something that no vector may be."""


class HostUnavailable(RetrievalError):
    """The index host did not start or does not answer."""


class IndexBusy(RetrievalError):
    """Another process owns this workspace's index."""
