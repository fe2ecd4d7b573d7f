"""The names under which a run leaves its files and its trials' attributes."""

__all__ = ["INTERRUPTED", "NETWORK_FILE", "REASON", "STUDY_FILE", "SUMMARY_FILE"]

STUDY_FILE = "study.db"
"""The study, in the folder of a run."""
SUMMARY_FILE = "best.json"
"""Scores, and all that was found."""
NETWORK_FILE = "network.json"
"""What the page shows of the network."""
REASON = "tune_bn:reason"
"""Attribute of a failed trial: why it failed."""
INTERRUPTED = "interrupted"
"""The reason of a trial that a person or a killed process cut short: it is repeated."""
