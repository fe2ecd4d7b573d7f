"""What is found, beside other samplers and search algorithms."""
