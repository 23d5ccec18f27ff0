"""How requests to models went, for those who run them. Names, times and counts; never a text."""
