"""The finished trials: which is better, which are the best, how far apart they lie."""
