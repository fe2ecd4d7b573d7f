"""Digests of 20,000 draws: ``python -m tests.faults.golden.draws`` wrote ``draws.json`` beside it.

Written once, by the code before draws were described as points of regions, and never again but
where draws are meant to change: every search is played by hand, through Optuna and through Ray's
search algorithm, over finite, conditional and changing spaces, several objectives, failed, pruned
and enqueued trials, and every kind of `Narrowing`. A digest covers the values of all trials of one
search, to the last bit, and the stage that each search says a trial is of.

``draws_changed.json`` (``python -m tests.faults.golden.draws changed``) has those of the searches
that were meant to change: the first draw that differs repeated a trial, or an enqueued value was
not looked at, or what was drawn and never run was taken for tried. Every one is of a space that is
finite, has branches, or whose real values were all given.
"""

import hashlib
import json
import math
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import optuna

from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.core.space import Parameter
from tune_bn.optuna import CoarseToFineSampler

DIRECTIONS: list[Literal["minimize", "maximize"]] = ["minimize", "maximize"]
FILE = Path(__file__).parent / "draws.json"
CHANGED_FILE = Path(__file__).parent / "draws_changed.json"

SPACES: dict[str, dict[str, Parameter]] = {
    "floats": {"x": Float(0, 1), "y": Float(-5, 5)},
    "mixed": {
        "lr": Float(1e-4, 1, log=True),
        "beta": Float(0.9, 0.999, one_minus_log=True),
        "n": Int(1, 8),
        "drop": Float(0, 0.5, step=0.1),
        "kind": Categorical(["a", "b", None]),
    },
    "finite": {"n": Int(1, 8), "kind": Categorical(["a", "b"]), "width": Int(8, 512, log=True)},
    "tiny": {"n": Int(0, 3), "kind": Categorical([True, 1])},
    "wide": {f"x{i}": Float(0, 1) for i in range(10)},
    "odd": {"kind": Categorical([[1], [2], "c"]), "x": Float(0, 1), "one": Float(2.0, 2.0)},
}
CONDITIONAL: dict[str, Parameter] = {
    "opt": Categorical(["sgd", "adam", "none"]),
    "lr": Float(1e-4, 1, log=True),
    "momentum": Float(0.5, 0.99, one_minus_log=True),
    "layers": Int(1, 4),
    "beta": Categorical([0.9, 0.99]),
}
CONDITIONS = {
    "momentum": ("opt", "sgd"),
    "beta": ("opt", "adam"),
    "layers": ("opt", "adam"),
}


def narrowing_of(dice: random.Random) -> Narrowing:
    """Returns the default, a named one, or one with every option at some value."""
    kind = dice.random()
    if kind < 0.3:
        return Narrowing()
    if kind < 0.4:
        return Narrowing.textbook()
    if kind < 0.45:
        return Narrowing.off()
    if kind < 0.6:
        return Narrowing.for_budget(dice.randint(1, 300))
    return Narrowing(
        coarse_trials=dice.randint(1, 9),
        stage_trials=dice.randint(1, 6),
        elites=dice.randint(1, 7),
        elite_power=dice.choice([0.0, 1.5, 3.0]),
        vary=dice.choice([None, 0.5, 1.5, 3.0]),
        together=dice.choice([0.0, 0.2, 1.0]),
        zoom=dice.choice([0.0, 0.5, 1.0]),
        zoom_trials=dice.randint(2, 12),
        width=dice.choice([0.3, 0.8, 1.0]),
        shrink=dice.choice([0.0, 0.19, 1.0]),
        dimension_power=dice.choice([0.0, 0.75]),
        min_width=dice.choice([0.001, 0.1]),
        reopen=dice.choice([None, 0.3]),
        spread=dice.choice([0.4, 1.0]),
        min_choice_width=dice.choice([0.1, 0.3, 1.0]),
        candidates=dice.choice([1, 2, 4, 12]),
        spared=dice.choice([0, 8]),
    )


def loss_of(params: Any) -> float:
    """Returns a number that has a valley, whatever the parameters are."""
    total = 0.0
    for name in sorted(params):
        value = params[name]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            total += abs(math.atan(value) - 0.3)
        else:
            total += len(str(value)) * 0.1
    return total


class Digest:
    """What a search drew, as a number of draws and a digest of their values."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.n = 0

    def add(self, params: Any, stage: int) -> None:
        """Takes in the values of one trial."""
        text = ";".join(f"{name}={params[name]!r}" for name in sorted(params))
        self._hash.update(f"{stage}:{text}\n".encode())
        self.n += 1

    def done(self) -> list[Any]:
        """Returns the number of draws and their digest."""
        return [self.n, self._hash.hexdigest()[:16]]


def by_hand(case: int) -> Digest:
    """Play a search by hand."""
    dice, digest = random.Random(f"hand {case}"), Digest()
    is_conditional = dice.random() < 0.25
    n_objectives = 2 if dice.random() < 0.2 else 1
    search = CoarseToFine(
        CONDITIONAL if is_conditional else SPACES[dice.choice(list(SPACES))],
        seed=dice.randrange(2**64),
        narrowing=narrowing_of(dice),
        directions=DIRECTIONS[:n_objectives],
        conditions=CONDITIONS if is_conditional else None,
    )
    running = []
    for _ in range(dice.randint(10, 120)):
        fixed = None
        if dice.random() < 0.05:
            name = dice.choice(list(search.space))
            fixed = {name: search.space[name].draw(dice.random())}
        trial = search.ask(fixed)
        digest.add(trial.params, trial.stage)
        running.append(trial)
        while len(running) > 2 or (running and dice.random() < 0.7):
            told = running.pop(dice.randrange(len(running)))
            loss, chance = loss_of(told.params), dice.random()
            if chance < 0.08:
                search.tell(told, None)
            elif chance < 0.2:
                value = [loss, -loss][:n_objectives]
                search.tell(told, value, state="stopped", progress=dice.randint(1, 3))
            else:
                values = [loss, dice.random()][:n_objectives]
                search.tell(told, values, progress=None, violation=float(chance > 0.9))
    return digest


def _suggest(trial: optuna.Trial, name: str, parameter: Parameter) -> Any:
    if isinstance(parameter, Categorical):
        return trial.suggest_categorical(name, [str(c) for c in parameter.choices])
    if isinstance(parameter, Int):
        return trial.suggest_int(name, parameter.low, parameter.high, log=parameter.log)
    assert isinstance(parameter, Float)
    low, high = parameter.bounds
    return trial.suggest_float(name, low, high, log=parameter.log, step=parameter.step)


def by_optuna(case: int) -> Digest:
    """Play a study: its space may be conditional, or change on the way."""
    dice, digest = random.Random(f"optuna {case}"), Digest()
    kind = dice.choice(["plain", "plain", "conditional", "changing"])
    space = CONDITIONAL if kind == "conditional" else SPACES[dice.choice(list(SPACES))]
    n_objectives = 2 if dice.random() < 0.2 else 1
    study = optuna.create_study(
        directions=DIRECTIONS[:n_objectives],
        sampler=CoarseToFineSampler(seed=dice.randrange(2**64), narrowing=narrowing_of(dice)),
    )
    for number in range(dice.randint(10, 100)):
        if dice.random() < 0.05:
            study.enqueue_trial({"x": 0.25, "n": 2, "lr": 0.01})
        trial = study.ask()
        values: dict[str, Any] = {}
        for name, parameter in space.items():
            if name in CONDITIONS and kind == "conditional":
                parent, choice = CONDITIONS[name]
                if values[parent] != choice:
                    continue
            if kind == "changing" and name in ("x", "y", "lr") and number >= 30:
                values[name] = trial.suggest_float(name, 0.001, 0.7, log=name == "lr")
            else:
                values[name] = _suggest(trial, name, parameter)
        digest.add(values, _stage_of(trial))
        loss, chance = loss_of(values), dice.random()
        if chance < 0.08:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        elif chance < 0.2 and n_objectives == 1:
            trial.report(loss, dice.randint(1, 3))
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        elif chance < 0.97:  # the others stay unfinished, as if their worker had been killed
            study.tell(trial, [loss, dice.random()][:n_objectives])
    return digest


def _stage_of(trial: optuna.Trial) -> int:
    """Returns 1 for a fine stage, 0 for the coarse one; the record itself may change its form."""
    mark = trial.user_attrs.get("tune_bn:stage")
    if mark is None:
        return 0
    stage = mark["stage"] if isinstance(mark, dict) else not mark.startswith("coarse")
    return int(bool(stage))


def ray_spaces() -> dict[str, dict[str, Any]]:
    """Returns spaces of Ray's domains; Ray is imported here, so that other tests need none."""
    from ray import tune as ray_tune

    return {
        "plain": {"lr": ray_tune.loguniform(1e-4, 1), "m": ray_tune.uniform(0, 1)},
        "all": {
            "q": ray_tune.quniform(0.0, 1.0, 0.1),
            "ql": ray_tune.qloguniform(0.1, 10.0, 0.1),
            "i": ray_tune.randint(1, 9),
            "li": ray_tune.lograndint(1, 1000),
            "qi": ray_tune.qrandint(2, 20, 2),
            "n": ray_tune.randn(0, 1),
            "qn": ray_tune.qrandn(0, 2, 0.5),
            "c": ray_tune.choice(["a", "b", {"d": 1}]),
        },
        "nested": {
            "net": {"act": ray_tune.choice(["relu", {"p": ray_tune.uniform(0, 1)}])},
            "x": ray_tune.uniform(0, 1),
        },
        "finite": {"i": ray_tune.randint(0, 5), "c": ray_tune.choice([True, False])},
    }


def by_ray(case: int) -> Digest:
    """Drives the search algorithm as Tune does, without Tune."""
    from tune_bn.ray import CoarseToFineSearch

    dice, digest = random.Random(f"ray {case}"), Digest()
    spaces = ray_spaces()
    space = spaces[dice.choice(list(spaces))]
    n_samples = dice.randint(10, 100)
    search = CoarseToFineSearch(
        metric="loss",
        mode=dice.choice(["min", "max"]),
        seed=dice.randrange(2**64),
        narrowing=None if dice.random() < 0.5 else narrowing_of(dice),
        points_to_evaluate=[{"x": 0.5}] if "x" in space else None,
    )
    search.set_search_properties(None, None, space, num_samples=n_samples)
    running: list[tuple[str, Any]] = []
    for i in range(n_samples):
        config = search.suggest(str(i))
        assert search._latest is not None
        digest.add(config, min(search._latest.stage, 1))
        running.append((str(i), config))
        while len(running) > 2 or (running and dice.random() < 0.7):
            trial_id, config = running.pop(dice.randrange(len(running)))
            chance = dice.random()
            result = {"loss": loss_of(config), "training_iteration": 1 + int(chance * 3)}
            is_failed = chance < 0.1
            search.on_trial_complete(trial_id, None if is_failed else result, error=is_failed)
    return digest


ROUTES: dict[str, tuple[Callable[[int], Digest], int]] = {
    "hand": (by_hand, 180),
    "optuna": (by_optuna, 100),
    "ray": (by_ray, 90),
}


def played(route: str, step: int = 1) -> Iterator[tuple[int, list[Any]]]:
    """Play the searches of a route; of every ``step``-th one return number, draws and digest."""
    play, n_cases = ROUTES[route]
    for case in range(0, n_cases, step):
        yield case, play(case).done()


def expected(route: str) -> dict[int, list[Any]]:
    """Returns the digest of each search of a route, as it was written down last."""
    changed = json.loads(CHANGED_FILE.read_text())[route]
    digests = json.loads(FILE.read_text())[route]
    return {case: changed.get(str(case), digest) for case, digest in enumerate(digests)}


def write_changed() -> None:
    """Writes the digests that differ from the first ones."""
    first = json.loads(FILE.read_text())
    changed = {
        route: {str(case): digest for case, digest in played(route) if digest != first[route][case]}
        for route in ROUTES
    }
    CHANGED_FILE.write_text(json.dumps(changed, indent=0) + "\n")


def main() -> None:
    """Writes the digests."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if sys.argv[1:] == ["changed"]:
        write_changed()
        return
    found = {route: [digest for _, digest in played(route)] for route in ROUTES}
    lines = [
        f"{json.dumps(route)}: [\n" + ",\n".join(json.dumps(d) for d in digests) + "\n]"
        for route, digests in found.items()
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(sum(n for digests in found.values() for n, _ in digests), "draws")


if __name__ == "__main__":
    main()
