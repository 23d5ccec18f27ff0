"""Chat about a workspace: what a turn searches, shows to a model, streams and cites. Free of LSP: see docs/chat.md."""
