import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves the long checks of scikit-learn on read-only memory to ``make test-slow``."""
    for item in items:
        if "_train(readonly_memmap=True" in item.name:
            item.add_marker(pytest.mark.slow)
