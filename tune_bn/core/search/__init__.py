"""The search by hand: ask, tell, and its state as JSON."""

from tune_bn.core.search.search import CoarseToFine

__all__ = ["CoarseToFine"]
