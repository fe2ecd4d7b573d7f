"""The public names as users call them, for a type checker: `mypy` reads this file, nobody runs it.

`assert_type` fails where a call gives another type than is written; a line with a ``type: ignore``
fails where its mistake is no longer seen. A test holds that every public name is here.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from typing import assert_type

    import numpy as np
    import optuna
    import pandas as pd
    import plotly.graph_objects as go
    import torch
    from ray import tune
    from torch import Tensor, nn

    import tune_bn
    import tune_bn.nn as bn
    from tune_bn import (
        Categorical,
        CoarseToFine,
        Finished,
        Float,
        Int,
        Narrowing,
        NarrowingError,
        SpaceError,
        Stage,
        StateError,
        Suggestion,
        TrialError,
    )
    from tune_bn.optuna import CoarseToFineSampler, stages, suggest_one_minus_log
    from tune_bn.ray import CoarseToFineSearch, StagesCallback, one_minus_loguniform
    from tune_bn.report import (
        Advice,
        DashboardCallback,
        NetworkResults,
        ReportError,
        Results,
        TrialResult,
        advise,
        explain,
        plot_best_value,
        plot_best_values,
        plot_confusion,
        plot_durations,
        plot_edf,
        plot_importances,
        plot_inference_statistics,
        plot_intermediate_values,
        plot_loss_curves,
        plot_narrowing,
        plot_pair,
        plot_parallel,
        plot_pareto,
        plot_predictions,
        plot_slices,
        plot_windows,
        results_of,
        show_report,
        write_comparison,
        write_report,
    )
    from tune_bn.sklearn import TableWarning, TunedClassifier, TunedRegressor
    from tune_bn.training import (
        ACTIVATIONS,
        NORMS,
        Config,
        ConfigError,
        DataError,
        Dataset,
        DivergedError,
        Ensemble,
        EpochMetrics,
        Fit,
        Preprocessing,
        Split,
        dataset_of,
        evaluate,
        load_dataset,
    )
    from tune_bn.tuning import (
        ModelFileError,
        RowsWarning,
        Stopped,
        TunedModel,
        TuneError,
        UnknownCategoriesWarning,
        load_model,
        save_model,
    )

    def by_hand() -> None:
        """Space, schedule, ask, tell, state."""
        assert_type(tune_bn.__version__, str)
        space = {"lr": Float(1e-4, 1, log=True), "n": Int(1, 9), "act": Categorical(["a", "b"])}
        search = CoarseToFine(space, seed=0, narrowing=Narrowing.for_budget(100))
        CoarseToFine({"x": Float(0, 1)}, directions=["minimize", "maximize"])
        CoarseToFine({"x": Float(0, 1)}, directions="up")  # type: ignore[arg-type]
        CoarseToFine({"x": (0, 1)})  # type: ignore[dict-item]
        Narrowing(stage_trials="5")  # type: ignore[arg-type]
        trial = search.ask({"n": 3})
        assert_type(trial, Suggestion)
        value: float = trial.params["lr"]
        search.tell(trial, value, state="stopped", progress=3)
        search.tell(trial, value, state="pruned")  # type: ignore[arg-type]
        search.tell(trial.number)
        assert_type(search.best, Finished)
        assert_type(search.best.value, float)
        assert_type(search.stages(), list[Stage])
        assert_type(search.to_json(), str)
        assert_type(CoarseToFine.from_json(search.to_json()), CoarseToFine)

    def in_optuna(trial: optuna.Trial) -> float:
        """Sampler, stages, a scale."""
        sampler = CoarseToFineSampler(seed=0, narrowing=Narrowing.textbook())
        study = optuna.create_study(sampler=sampler)
        CoarseToFineSampler(0)  # type: ignore[call-arg]
        CoarseToFineSampler.for_budget(100, seed=1)
        assert_type(stages(study), list[Stage])
        return assert_type(suggest_one_minus_log(trial, "momentum", 0.9, 0.999), float)

    def in_ray() -> None:
        """The search algorithm, its callback, a scale."""
        space = {"lr": tune.loguniform(1e-4, 1), "momentum": one_minus_loguniform(0.9, 0.999)}
        search = CoarseToFineSearch(space, "loss", "min", seed=0)
        CoarseToFineSearch(space, ["a", "b"], ["min", "max"], points_to_evaluate=[{"lr": 0.1}])
        CoarseToFineSearch(space, seed="0")  # type: ignore[arg-type]
        tune.RunConfig(callbacks=[StagesCallback(search)])
        tune.TuneConfig(search_alg=search)
        assert_type(search.best, Finished)

    def layers(loader: list[Tensor]) -> None:
        """Layers, conversions, statistics, models."""
        layer = bn.BatchNorm2d(8, decay=0.9, decays=(0.9, 0.99))
        bn.BatchNorm1d(8, 1e-5, 0.1, variance="unbiased")
        bn.BatchNorm3d(8, variance="sample")  # type: ignore[arg-type]
        as_torch: nn.Module = layer
        norms: list[bn.EwaBatchNorm] = [layer, bn.SyncBatchNorm(8)]
        lazy = (bn.LazyBatchNorm1d, bn.LazyBatchNorm2d, bn.LazyBatchNorm3d)
        model = nn.Sequential(as_torch, *norms, *(kind(decay=0.9) for kind in lazy))
        assert_type(bn.convert_batchnorm(model, decay=0.9, unknown="keep"), nn.Module)
        assert_type(bn.to_torch(model), nn.Module)
        assert_type(bn.fold_batchnorm(model, partial=True), nn.Module)
        assert_type(bn.redundant_biases(model), list[str])
        bn.recalibrate(model, loader, forward=lambda model, batch: model(batch))
        assert_type(bn.best_decay(model, lambda model: float(model(loader[0]).mean())), float)
        bn.select_decay(model, 0.9)
        bn.load_tracks(model, assert_type(bn.tracks_state(model), dict[str, Tensor]))
        bn.freeze_stats(model)
        bn.unfreeze_stats(model)
        bn.trust_stats(model)
        bn.flush_stats(model)
        with bn.no_stats_update(model):
            model(loader[0])
        bn.MLP(4, 2, width=8, norm="none")
        bn.ConvNet((1, 8, 8), 10)

    def report(study: optuna.Study, grid: tune.ResultGrid, search: CoarseToFine) -> None:
        """Page, advice, figures."""
        for source in (study, grid, search):
            write_report(source, "report.html")
        write_report(grid, "report.html", metric="loss", mode="min", time_attr="epoch")
        results = assert_type(results_of(study), Results)
        write_report(results, Path("report.html"), network=NetworkResults())
        write_report(results)  # type: ignore[call-arg]
        assert_type(show_report(results, height=600), str)
        write_comparison({"a": study, "b": results}, Path("comparison.html"))
        assert_type(explain(results, 3), str)
        assert_type(advise(results), list[Advice])
        best: TrialResult | None = results.best
        assert best is not None
        figures: list[go.Figure] = [
            plot_best_value(study),
            plot_durations(study),
            plot_importances(study),
            plot_intermediate_values(study),
            plot_narrowing(study, params=["x"], max_trials=None),
            plot_pair(study),
            plot_parallel(study),
            plot_pareto(study, objectives=(0, 1)),
            plot_slices(study),
            plot_windows(study, max_stages=4),
            plot_loss_curves([{"epoch": 1, "loss": 0.5}]),
            plot_confusion(["a", "b"], ["a", "a"], classes=["a", "b"]),
            plot_predictions([1.0, 2.0], [1.5, 2.5]),
            plot_inference_statistics({"layer": {"mean": np.zeros(3)}}),
            plot_best_values({"a": study, "b": grid}),
            plot_edf({"a": study, "b": search}),
        ]
        del figures
        study.optimize(in_optuna, 20, callbacks=[DashboardCallback(every=10)])

    def network(table: pd.DataFrame) -> None:
        """From a table to a trained network, to a file, and back."""
        data = assert_type(load_dataset("homes.csv", target="price", task="regression"), Dataset)
        assert_type(dataset_of(table, target="price"), Dataset)
        load_dataset("homes.csv", task="ranking")  # type: ignore[arg-type]
        config = Config(width=64, activation=ACTIVATIONS[0], norm=NORMS[0])
        training = Fit(config, data, epochs=3)
        for metrics in training:
            assert_type(metrics, EpochMetrics)
            assert_type(metrics.value("loss"), float)
        split: Split = data.validation
        preprocessing: Preprocessing = data.preprocessing
        assert_type(evaluate(training.model, split, "regression"), dict[str, float])
        both = Ensemble([training.model, training.model], "regression")
        save_model("m.pt", model_config=config, model=both, dataset=data, metrics={})
        tuned = assert_type(load_model("m.pt"), TunedModel)
        tuned.predict(table)
        assert_type(preprocessing.n_features, int)

    def estimators(x: Any, y: Any) -> None:
        """As scikit-learn's."""
        TunedRegressor(trials=20, timeout=60).fit(x, y).predict(x)
        TunedClassifier(trials="20")  # type: ignore[arg-type]
        torch.save(TunedClassifier().fit(x, y).predict_proba(x), "p.pt")

    ERRORS: list[type[ValueError]] = [
        NarrowingError,
        SpaceError,
        StateError,
        TrialError,
        bn.BatchNormError,
        ReportError,
        ConfigError,
        DataError,
        TuneError,
        ModelFileError,
    ]
    OTHERS: list[type[Exception]] = [DivergedError, Stopped]
    WARNINGS: list[type[Warning]] = [RowsWarning, UnknownCategoriesWarning, TableWarning]
