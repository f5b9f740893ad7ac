"""How questions to the world outside the API are answered: one skill a file, each with a deadline and a size limit."""
