"""Working along: the tests that touch what was just saved, when the machine has nothing better to do."""
