"""What training leaves on disk: a checkpoint after each epoch, and the model at the end."""
