"""What a person can ask for at a place in the code, beside fixing it: explain, document, test, type, simplify, rewrite,
review, and a commit's message. Free of the protocol; docs/actions.md says what each does and what its grade means.
"""
