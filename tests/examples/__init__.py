"""Every example is played, and says in its README what one will see."""
