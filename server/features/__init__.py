"""One module per group of LSP methods: decode, snapshot, call a use case, encode."""
