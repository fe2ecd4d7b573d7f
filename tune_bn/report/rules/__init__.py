"""The rules behind `tune_bn.report.advise`, each a pure function of the evidence."""

from tune_bn.report.rules.budget import noise, spent
from tune_bn.report.rules.parameters import category, failures, idle, together
from tune_bn.report.rules.ranges import edge, log_scale, one_minus_log_scale

__all__ = [
    "category",
    "edge",
    "failures",
    "idle",
    "log_scale",
    "noise",
    "one_minus_log_scale",
    "spent",
    "together",
]
