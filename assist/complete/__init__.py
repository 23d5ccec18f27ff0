"""Text at the cursor: when to ask for it, what to ask with, where it ends, and what is fit to be shown."""
