"""The model as it is served: raw text in, label and probabilities out."""
