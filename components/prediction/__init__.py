"""Rows of a file to predict, and the same rows with their answers."""
