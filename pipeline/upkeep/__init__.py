"""What is done to a root between runs: going back to an earlier model, clearing up, and migrating the metadata."""
