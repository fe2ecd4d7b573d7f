"""Benchmarks: problems, runners and tables. Peers are imported where they are run."""
