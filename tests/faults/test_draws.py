"""The draws of 370 searches, 22,924 in all, are those of the version that wrote them down."""

import json

import optuna
import pytest

from tests.faults.golden.draws import CHANGED_FILE, FILE, ROUTES, expected, played
from tests.support.quiet import optuna_says


@pytest.fixture(autouse=True)
def quiet():
    with optuna_says(optuna.logging.ERROR):
        yield


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("route", ROUTES)
def test_the_draws_are_what_they_were(route):
    """By hand, through Optuna and through Ray: every value, to the last bit."""
    golden = expected(route)
    differing = [case for case, digest in played(route) if digest != golden[case]]
    assert not differing


def test_most_are_what_they_were_at_first():
    """Where draws were meant to change, as many are drawn; and that is less than a quarter."""
    first, changed = json.loads(FILE.read_text()), json.loads(CHANGED_FILE.read_text())
    for route, digests in first.items():
        assert len(changed[route]) < 0.4 * len(digests)
        for case, (n, digest) in changed[route].items():
            assert digests[int(case)][0] == n
            assert digests[int(case)][1] != digest
    assert sum(map(len, changed.values())) < sum(map(len, first.values())) / 4


def test_there_are_as_many_as_it_says():
    """Of each route thousands."""
    golden = json.loads(FILE.read_text())
    counts = {route: sum(n for n, _ in digests) for route, digests in golden.items()}
    assert sum(counts.values()) == 22_924
    assert min(counts.values()) > 4_000
