"""What a search costs: time, memory, the size of the package."""
