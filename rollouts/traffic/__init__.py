"""Desired routes to patches, one router dialect a file; no router knows what a canary is."""
