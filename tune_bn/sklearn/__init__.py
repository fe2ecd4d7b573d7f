"""A tuned network behind scikit-learn's interface: `TunedClassifier`, `TunedRegressor`.

What `tune-bn tune` does with a file, `fit` does with a data frame or an array, by the same
functions; what it leaves out is the output folder, unless one is asked for.
"""

try:
    import sklearn  # noqa: F401 - a missing package should say how to install it
except ModuleNotFoundError as error:
    if error.name != "sklearn":
        raise
    raise ModuleNotFoundError(
        "tune_bn.sklearn needs scikit-learn, but it is not installed. "
        "Install it with: pip install 'tune-bn[cli]'",
        name="sklearn",
    ) from error

from tune_bn.sklearn.estimators import TableWarning, TunedClassifier, TunedRegressor

__all__ = ["TableWarning", "TunedClassifier", "TunedRegressor"]
