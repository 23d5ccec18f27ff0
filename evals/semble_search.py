"""Run inside semble's own environment: its chunks, BM25 and ranking over given files, without its embedding model.

    python semble_search.py REQUEST.json RESULT.json

With the semantic weight 0 its search is reciprocal ranks of BM25 and all of its ranking. The model would come from a
hub, so the semantic half gets no candidates.
"""

# pyright: basic, reportMissingImports=false
from __future__ import annotations

import json
import sys
from pathlib import Path


class NoModel:
    """Stands where the embedding model would be."""

    def encode(self, texts):
        return texts


class NoVectors:
    """A semantic index in which nothing is found."""

    def query(self, vectors, k, selector=None):  # noqa: ARG002 - semble's signature
        return [((), ())]


def main() -> None:
    from semble.chunking import chunk_source
    from semble.index.bm25 import BM25
    from semble.index.files import detect_language, get_extensions
    from semble.index.sparse import enrich_for_bm25
    from semble.search import search
    from semble.tokens import tokenize
    from semble.types import ContentType

    request = json.loads(Path(sys.argv[1]).read_text())
    chunks, index = [], BM25.empty()
    indexed = tuple(get_extensions((ContentType.CODE,)))
    for path, text in request["files"].items():
        if not path.endswith(indexed):
            continue
        for chunk in chunk_source(text, path, detect_language(Path(path))):
            index.add_document(str(len(chunks)), tokenize(enrich_for_bm25(chunk)))
            chunks.append(chunk)
    index.set_doc_order([str(number) for number in range(len(chunks))])
    answers = []
    for query in request["queries"]:
        results = search(query, NoModel(), NoVectors(), index, chunks, request["depth"], alpha=0.0)
        answers.append([(hit.chunk.file_path, hit.chunk.start_line, hit.chunk.end_line) for hit in results])
    Path(sys.argv[2]).write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
