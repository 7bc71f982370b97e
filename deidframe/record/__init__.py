"""What is on disk: the run folder, its records, and where they came from."""
