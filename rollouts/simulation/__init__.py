"""One thread, a virtual clock, one seed: the world that tries to break the house."""
