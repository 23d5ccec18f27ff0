"""Where chunks and their vectors are kept: embedded in the index host, or on a team's Qdrant server."""
