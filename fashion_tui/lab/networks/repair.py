"""Try edits of a custom model's source, to find one that fixes an error."""

import linecache
from collections.abc import Callable

import msgspec
from torch import nn

from fashion_tui.lab.trace import Repair
from fashion_tui.schema.errors import TimeLimitReached, UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.shapes import Fix, ShapeTable, apply_fix

from .build import open_model
from .custom import UNSAVED


def repair_of(custom: CustomModel, trace: Callable[[nn.Module], ShapeTable]) -> Repair:
    """Return a Repair that tries an edit by building the network from the edited source and tracing it."""

    def trace_edited(fix: Fix) -> ShapeTable | None:
        source = apply_fix(custom.source, fix)
        lines = linecache.cache.get(file)
        try:
            with open_model(msgspec.structs.replace(custom, source=source)) as (model, _):
                return trace(model)
        except (UserError, TimeLimitReached):
            return None
        finally:  # the original network is still in use
            if lines is not None:
                linecache.cache[file] = lines

    file = UNSAVED if custom.file is None else custom.file
    return Repair(file, trace_edited)
