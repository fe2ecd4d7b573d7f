"""What follows the search: the final, the scores, the files."""
