"""Several endpoints behind one `Generator`: which one is asked, which is left out, and who takes part in a trial."""
