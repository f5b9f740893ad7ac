"""The Rollout: gather what concerns it, decide what it needs next."""
