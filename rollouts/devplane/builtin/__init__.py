"""The built-in controllers of the small plane."""
