"""Benchmarks of tune_bn beside its peers, and the rows that they left: ``python -m benchmarks``.

They run from a checkout and are no part of what is installed.
"""
