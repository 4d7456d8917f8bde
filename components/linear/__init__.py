"""The linear bag of words: which rows it is fitted on, their n-grams, and the model."""
