"""What an API server is to its clients, asked of the embedded one always, and of a real one where there is one.

The embedded server is never trusted alone: a test that passes on one and fails on the other is the embedded one's bug.
"""
