"""The draws of 370 searches, 22,924 in all, are those of the version that wrote them down."""

import json
from typing import Any

import optuna
import pytest

from tests.faults.golden.draws import FILE, ROUTES, played


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("route", ROUTES)
def test_the_draws_are_what_they_were(route):
    """By hand, through Optuna and through Ray: every value, to the last bit."""
    golden: list[Any] = json.loads(FILE.read_text())[route]
    differing = [case for case, digest in played(route) if digest != golden[case]]
    assert not differing


def test_there_are_as_many_as_it_says():
    """Of each route thousands."""
    golden = json.loads(FILE.read_text())
    counts = {route: sum(n for n, _ in digests) for route, digests in golden.items()}
    assert sum(counts.values()) == 22_924
    assert min(counts.values()) > 4_000
