"""What programs of tests import again and again, for `tests.support.warm`; Ray is not among it.

Ray reads its variables when it is imported, and they differ from program to program.
"""
# ruff: noqa: F401

import gc

import alembic.command  # Optuna's databases load it
import sklearn.ensemble
import torch._dynamo  # the first optimiser of a process loads it, in a second

import tune_bn.cli
import tune_bn.report
import tune_bn.sklearn
import tune_bn.tuning.finish.finish
import tune_bn.tuning.optuna_run

gc.freeze()  # the programs need not look for garbage among all this, nor copy it to do so
