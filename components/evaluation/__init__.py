"""Metrics of predictions, and the checks that bless a model."""
