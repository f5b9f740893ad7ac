"""Our kinds, parsed: the only home of pydantic."""
