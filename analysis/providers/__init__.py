"""Part of the judge."""
