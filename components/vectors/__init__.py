"""Reading word vectors, and the matrix they are assembled into."""
