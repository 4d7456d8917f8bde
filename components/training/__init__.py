"""How the parts of a classifier are fitted and weighed against each other, and what training leaves on disk."""
