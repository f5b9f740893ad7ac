"""What is wrong with a source, for the person who wrote it."""

from __future__ import annotations


class SourceError(ValueError):
    """The user's to fix: a bad address, revision, path or manifest. One line, which shows no credentials."""
