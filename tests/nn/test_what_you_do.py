"""Each row of the tables of ``docs/batchnorm.md`` for people's training code has its tests."""

from __future__ import annotations

import copy
import importlib
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.support.batchnorm import normal, stats
from tune_bn.nn import MLP, BatchNorm1d, recalibrate, to_torch

PAGE = Path(__file__).parents[2] / "docs" / "batchnorm.md"

# By what a row begins with: the tests, by file and function, that fail where it is not so.
DO: dict[str, tuple[str, ...]] = {
    "**freeze**: `track_running_stats = False`": (
        "switches.a_switch_acts_as_on_torchs_layer", "switches.a_switch_acts_in_compiled_code",
    ),
    "freeze: `freeze_stats(model)`": ("training_traps.frozen_statistics_survive_train",),
    "pass without counting": (
        "switches.an_idle_pass_leaves_no_trace", "values.momentum_zero_keeps_the_statistics",
    ),
    "pass under `torch.inference_mode()`": (
        "switches.a_pass_under_inference_mode_updates_and_training_goes_on",
    ),
    "**average** models": ("averaged.averaged_buffers_are_averages",),
    "average the `state_dict` only": (
        "averaged.an_average_of_the_state_alone_is_noticed",
        "averaged.federated_averaging_goes_on_as_what_it_is",
    ),
    "`best_decay`": (
        "averaged.the_best_decay_of_an_averaged_model_is_no_worse",
        "averaged.best_decay_keeps_what_is_in_use_if_none_is_as_good",
        "averaged.an_average_of_the_state_alone_is_noticed",
        "tracks.tracks_survive_a_checkpoint",
    ),
    "reset": (
        "resets.a_reset_resets_all_that_the_layer_keeps",
        "resets.a_reset_acts_in_compiled_code",
        "resets.lightnings_weight_averaging_from_end_to_end",
    ),
    "**recalibrate**": (
        "recalibrate.every_layer_gets_its_inputs_exact_statistics",
        "recalibrate.every_pass_runs_to_its_end",
        "recalibrate.a_compiled_model_that_ran_before",
        "recalibrate.batches_of_every_usual_form",
        "recalibrate.all_processes_end_with_the_statistics_of_all_data",
        "recalibrate.one_process_may_recalibrate_alone",
    ),
    "recalibrate after training with a few rows a batch": (
        "what_you_do.the_exact_variance_is_larger_than_what_small_batches_saw",
    ),
    "`update_bn` (torch)": (
        "interop.update_bn_gives_the_plain_average",
        "pools.update_bn_over_pools_counts_every_batch_alike",
    ),
    "evaluate before `accumulate=` has filled a pool": (
        "pools.statistics_show_a_pool_before_it_is_full",
    ),
    "load, `assign=True`, meta device": (
        "memory.a_layer_of_the_meta_device_is_right_once_it_has_memory",
        "memory.memory_without_a_state_is_reset",
        "statistics_from_elsewhere.foreign_statistics_are_mature",
    ),
    "go on from a checkpoint": (
        "tracks.tracks_come_with_a_state", "tracks.tracks_of_other_statistics_do_not_come",
        "tracks.tracks_survive_a_checkpoint",
        "pools.a_loaded_state_starts_with_an_empty_pool",
    ),
    "**fold**": (
        "fold.weights_made_at_each_call_are_folded_as_they_are",
        "fold.what_a_hook_does_is_not_lost", "fold.a_call_with_a_mask_is_not_folded",
        "fold.a_folded_axis_is_never_mistaken",
    ),
    "convert a layer that is more than batch norm": (
        "convert.other_subclasses_are_refused_or_kept",
        "convert.what_a_subclass_does_is_never_lost",
        "fold.what_a_subclass_does_is_not_folded_away",
        "tools.timms_layers_convert_with_their_activation",
    ),
    "**trace**": (
        "tools.fx_takes_a_layer_as_a_leaf",
        "tools.scripting_names_what_to_do_and_changes_nothing",
    ),
    "**shard**": ("tools.a_sharded_layer_is_not_converted",),
    "synchronise": ("tools.torchs_conversion_to_synchronised_layers_takes_the_options_away",),
    "**prune** channels": ("memory.cut_channels",),
    "**export**": ("tools.onnx_of_a_half_precision_model", "compile_export.onnx"),
    "export in training mode": ("compile_export.an_exported_step_can_be_switched_to_inference",),
    "train privately": ("tools.private_training_refuses_the_layers",),
}  # fmt: skip
TOOLS: dict[str, tuple[str, ...]] = {
    "`torch.ao.quantization.fuse_modules`": ("tools.eager_fusion_needs_torchs_layers",),
    "`torch.fx.experimental.optimization.fuse`": ("tools.fx_fusion_by_type_leaves_the_layer",),
    "`torch.jit.script`": ("tools.scripting_names_what_to_do_and_changes_nothing",),
    "captum": ("what_you_do.what_looks_for_exact_classes_finds_them_after_to_torch",),
    "FLOP counters": ("what_you_do.what_looks_for_exact_classes_finds_them_after_to_torch",),
}
LEFT_OUT = {"skip", "skipif", "xfail", "slow"}


def rows(head: str) -> list[str]:
    """Returns the first cells of the table whose head begins so."""
    table = PAGE.read_text(encoding="utf-8").split(f"\n| {head} |")[1].split("\n\n")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]


@pytest.mark.parametrize(("head", "tests"), [("you", DO), ("tool", TOOLS)], ids=["do", "tools"])
def test_no_row_is_without_a_test(head: str, tests: dict[str, tuple[str, ...]]) -> None:
    """Rows and keys match one to one, in order, so that a new row wants a test."""
    found = rows(head)
    longest = [max((key for key in tests if row.startswith(key)), key=len) for row in found]
    assert longest == list(tests)


@pytest.mark.parametrize(
    "name", sorted({n for t in (DO, TOOLS) for names in t.values() for n in names})
)
def test_the_tests_of_a_row_are_there(name: str) -> None:
    """Each is a function of its file, and none is skipped."""
    file, function = name.split(".")
    test = getattr(importlib.import_module(f"tests.nn.test_{file}"), f"test_{function}")
    assert test.__doc__
    assert not {m.name for m in getattr(test, "pytestmark", ())} & LEFT_OUT


def test_the_exact_variance_is_larger_than_what_small_batches_saw() -> None:
    """What the weights were normalised by is (m - 1) / m of it: half, for two rows a batch."""
    x = normal(4000, 3)
    layer = BatchNorm1d(3, decay=1).double()
    for pair in x.split(2):
        layer(pair)
    seen = stats(layer)[1].clone()
    recalibrate(layer, [x])
    torch.testing.assert_close(
        seen / stats(layer)[1], torch.full_like(seen, 0.5), rtol=0, atol=0.05
    )


def test_what_looks_for_exact_classes_finds_them_after_to_torch() -> None:
    """Before it, a rule by class (captum's LRP, FLOP counters) has none for a layer."""
    rules = {nn.Linear, nn.ReLU, nn.BatchNorm1d, nn.Dropout, nn.Identity}
    model = MLP(4, 2)
    before = copy.deepcopy(model)

    def without_rule(m: nn.Module) -> list[str]:
        leaves = (child for child in m.modules() if not [*child.children()])
        return [type(child).__module__ for child in leaves if type(child) not in rules]

    assert set(without_rule(model)) == {"tune_bn.nn.batchnorm"}
    assert not without_rule(to_torch(copy.deepcopy(model)))
    assert [type(m) for m in model.modules()] == [type(m) for m in before.modules()]
