"""Everything that waits, writes or reads a clock; the only place that carries plans out."""
