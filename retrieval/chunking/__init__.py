"""Files to chunks: what language a file is in, what it defines and uses, and where it is cut."""
