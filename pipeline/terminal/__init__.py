"""What a person sees: progress, results, records, and what to do next."""
