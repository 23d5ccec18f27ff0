"""One module per command of `assay`: parse, call the use case, print."""
