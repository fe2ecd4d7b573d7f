"""How long a stateful test runs; the same events every time, on any machine."""

from hypothesis import settings

__all__ = ["lasting"]


def lasting(examples: int, steps: int) -> settings:
    """Returns the settings of so many runs of at most so many events each."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
    )
