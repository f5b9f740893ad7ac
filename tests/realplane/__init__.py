"""Stories told on a real control plane: what only the API server, its controllers and real traffic can confirm."""
