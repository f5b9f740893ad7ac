"""One I/O skill a file: questions to the world outside the API."""
