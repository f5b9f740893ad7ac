"""A small API server for demos, fast tests and the simulator."""
