"""How a run works: what has to run and why, each step whole or not at all, everything on record."""
