"""A pipeline of four small steps in the shape of the real ones; tests copy the package and edit the copy."""
