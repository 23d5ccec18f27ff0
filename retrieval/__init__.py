"""Find the code that matters: chunks, a hybrid index, ranking, and the context of a task."""
