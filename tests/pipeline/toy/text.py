"""Shared by two steps."""


def normalize(text):
    """Lower case."""
    return text.lower()
