"""What validate counts in each split, and the contract it holds the counts against."""
