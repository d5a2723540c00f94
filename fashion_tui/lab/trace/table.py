"""Make the table from the recorded passes, and add what more passes show about the network."""

from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace
from torch import nn
from torch.nn.parameter import is_lazy

from fashion_tui.schema.errors import TimeLimitReached
from fashion_tui.schema.shapes import Remark, ShapeRow, ShapeTable

from .batch_axis import Passes, call_keys
from .conditions import condition_of_use
from .explain import Explained, Repair, error_location, explain, find_mixing_fix
from .forward_signature import missing_arguments
from .mixing import MIN_PASSES, compare_samples
from .mixing_reasons import find_broadcast_loss, is_batch_first, joining_remark, mixing_remark, rearranging_producer
from .model_copy import META
from .passes import ChosenPasses
from .receptive import add_receptive_fields
from .remarks import unregistered_remark
from .rows import known_macs, rows_of
from .runner import Runner
from .structure import named_parameters, parameters_of
from .usage import MAX_PASSES, TRIAL_BATCHES, explain_untried, explain_unused, group_names, unused_parameters


def make_table(chosen: ChosenPasses, runner: Runner, name: str, repair: Repair | None) -> ShapeTable:
    """Return the table. If the network ran on real values without an error, it runs again for the remarks."""
    passes, recording = chosen.passes, chosen.passes.main
    rows = add_receptive_fields(rows_of(passes), recording.calls, runner.inputs.specs)
    parameters = [parameter for parameter in parameters_of(chosen.model) if not is_lazy(parameter)]
    explained = _explain(passes, rows, chosen.model, repair)
    table = ShapeTable(
        model=name,
        inputs=runner.inputs.specs,
        outputs=passes.sample_shapes(recording.outputs, passes.first.outputs, passes.second.outputs),
        output_producers=tuple(recording.output_producers),
        rows=rows,
        total_params=sum(parameter.numel() for parameter in parameters),
        trainable_params=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        total_macs=known_macs(rows),
        ran="meta" if recording.device == META.type else "real",
        batch=recording.batch,
        remarks=_remarks(chosen, rows),
        error=None if explained is None else explained.text,
        error_file=None if explained is None else explained.file,
        error_line=None if explained is None else explained.line,
        timed_out=isinstance(recording.error, TimeLimitReached),
        fix=None if explained is None else explained.fix,
    )
    if recording.error is not None:
        return table
    unused = dict.fromkeys(unused_parameters(chosen.model, recording))
    is_tried = False
    with suppress(TimeLimitReached):
        batches = [batch for batch in (*TRIAL_BATCHES, recording.batch) if chosen.allows(MAX_PASSES * batch)]
        if unused and batches:
            unused = explain_unused(runner, set(unused), batches, reads_values=chosen.reads_values())
            is_tried = True
    missing = missing_arguments(runner.model, *runner.arguments(recording.batch, META))
    for parameter in [parameter for parameter, reason in unused.items() if reason is None]:
        unused[parameter] = condition_of_use(chosen.model, parameter, missing)
    unused = unused if is_tried else explain_untried(chosen.model, unused)
    table = _with_unused(table, chosen.model, unused)
    with suppress(TimeLimitReached):
        if not chosen.takes_one_sample and chosen.allows(MIN_PASSES * passes.first.batch):
            table = _with_mixing(table, chosen, runner, repair)
    return table


def _with_unused(table: ShapeTable, model: nn.Module, unused: dict[str, str | None]) -> ShapeTable:
    never, in_pass = group_names(model, unused)
    count = sum(parameter.numel() for name, parameter in named_parameters(model) if name in unused)
    return replace(table, unused=never, unused_params=count, not_used_in_pass=in_pass)


def _with_mixing(table: ShapeTable, chosen: ChosenPasses, runner: Runner, repair: Repair | None) -> ShapeTable:
    passes = chosen.passes
    batches = (passes.first.batch, passes.second.batch)
    compared = compare_samples(runner, batches, chosen.allows, is_batch_first=is_batch_first(passes))
    key = compared.mixing
    table = replace(table, samples_compared=compared.is_complete)
    keys = call_keys(table.rows)
    index = find_broadcast_loss(table.rows, passes) if key is None or key not in keys else keys.index(key)
    if index is None:
        return table
    rows = [*table.rows]
    rows[index] = replace(rows[index], mixes_samples=True)
    remark = mixing_remark(index, rows, passes)
    fix = None
    if repair is not None:
        rearranging = rearranging_producer(index, rows, passes)
        fix = find_mixing_fix(passes.main.calls[index], rearranging, chosen.model, repair)
    return replace(table, rows=tuple(rows), remarks=(*table.remarks, remark), fix=fix)


def _remarks(chosen: ChosenPasses, rows: Sequence[ShapeRow]) -> tuple[Remark, ...]:
    passes = chosen.passes
    remarks = [unregistered_remark(passes.main.calls)]
    if passes.main.error is None:
        remarks.append(joining_remark(rows, passes))
        if not passes.main.outputs:
            returned = passes.main.returned_type
            article = "an" if returned[0].lower() in "aeiou" else "a"
            reason = f"it returns {article} {returned}"
            if returned == "NoneType":
                reason = "the last line of its forward may lack `return`"
            remarks.append(Remark(None, f"returns no tensor; {reason}"))
    if chosen.takes_one_sample:
        reason = next(iter(str(chosen.error_with_more).splitlines()), type(chosen.error_with_more).__name__)
        remarks.append(Remark(None, f"takes one sample at a time; with more, it fails: {reason}"))
    return tuple(remark for remark in remarks if remark is not None)


def _explain(passes: Passes, rows: Sequence[ShapeRow], model: nn.Module, repair: Repair | None) -> Explained | None:
    recording = passes.main
    if not isinstance(recording.error, TimeLimitReached):
        other = passes.second if passes.second is not recording else None
        return explain(recording, other, rows, model, repair)
    where = f"{rows[recording.failed[-1]].path}: " if recording.failed else ""
    after = f" (after {rows[-1].path})" if rows and not recording.failed else ""
    return Explained(f"{where}{recording.error}{after}", *error_location(recording.error), None)
