"""The demo's stories, played as a user plays them: one command, real processes, real requests."""
