"""The language server process and the command line: the only importer of pygls and lsprotocol."""
