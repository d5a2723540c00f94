"""Explain errors in a network's code: name the failing call, the shapes and the line of the user's file."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn

from fashion_tui.lab.errors import breaks_device, is_out_of_cpu_memory, is_out_of_gpu_memory
from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.lab.trace.batch_axis import Passes
from fashion_tui.lab.trace.explain import explain
from fashion_tui.lab.trace.inputs import Arguments, SpecifiedInputs
from fashion_tui.lab.trace.model_copy import CPU
from fashion_tui.lab.trace.rows import rows_of
from fashion_tui.lab.trace.runner import Run, Runner
from fashion_tui.schema.errors import UserError

from .custom import MODULE_PREFIX, SourceError, explain_error


@contextmanager
def explained(model: nn.Module, images: Tensor, name: str | None = None) -> Iterator[None]:
    """Convert an error that the network's code raises in the `with` block into a one-line UserError.

    `images` `[N, C, H, W]` are the network's input. To find the failing call, copies of the network run on these images
    and on one more. `name` is the network's name in the message, by default that of its class. Errors that make a GPU
    unusable and out-of-memory errors of a GPU are raised unchanged.
    """
    name = name or type(model).__name__
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        if breaks_device(error) or is_out_of_gpu_memory(error):
            raise
        if is_out_of_cpu_memory(error):
            raise _located(f"{name} needs more memory for {_count(images)} than this machine has", error) from error
        raise _explain(model, images, name) or explain_error(error, f"{name} fails on {_describe(images)}: ") from error


def check_logits(output: object, images: Tensor, classes: int, model: nn.Module, name: str | None = None) -> Tensor:
    """Return the output for images `[N, C, H, W]` if it is float logits `[N, classes]`.

    Raises UserError otherwise. If the user's code defines `forward`, the error names its first line.
    """
    expected = (len(images), classes)
    is_dense = isinstance(output, Tensor) and output.layout == torch.strided and not output.is_meta
    if isinstance(output, Tensor) and is_dense and output.is_floating_point() and output.shape == expected:
        return output
    actual = f"an instance of {type(output).__name__}"
    if isinstance(output, Tensor):
        kind = "" if is_dense else "sparse " if output.layout != torch.strided else "meta "
        actual = f"{kind}{str(output.dtype).removeprefix('torch.')} {list(output.shape)}"
    message = (
        f"{name or type(model).__name__} returns {actual} for {_count(images)} of {_size(images)}; it must return "
        f"float logits {list(expected)}, one for each of {classes} classes"
    )
    code = getattr(type(model).forward, "__code__", None)
    if code is None or not str(type(model).forward.__globals__.get("__name__", "")).startswith(MODULE_PREFIX):
        raise UserError(message)
    raise SourceError(message, code.co_filename, code.co_firstlineno)


def _explain(model: nn.Module, images: Tensor, name: str) -> UserError | None:
    """Run copies of the network on the CPU and explain their error.

    Return None if they don't fail or the error can't be explained.
    """
    images = images.detach().to(CPU)
    runner = Runner(model, SpecifiedInputs((), ()))

    def run(batch: Tensor) -> Run:
        return runner.run(len(batch), CPU, arguments=Arguments((batch.clone(),), {}))

    with suppress(Exception, SystemExit), preserve_rng_state():  # the copies may fail in another way
        failed, other = run(images), run(torch.cat([images, images[:1]]))
        error = failed.recording.error
        if error is None:
            return None
        rows = rows_of(Passes(failed.recording, failed.recording, other.recording))
        found = explain(failed.recording, other.recording, rows, failed.model)
        only = f", but not on {len(images) + 1}" if other.recording.error is None else ""
        subject = f"{name} fails on {_count(images) + only if only else _describe(images)}"
        return None if found is None else _located(f"{subject}: {found.text}", error)
    return None


def _located(message: str, error: BaseException) -> UserError:
    """Return a UserError that begins with the file and the line of the user's code that raised the error."""
    located = explain_error(error)
    return SourceError(message, located.file, located.line) if isinstance(located, SourceError) else UserError(message)


def _describe(images: Tensor) -> str:
    return f"{_size(images)} images"


def _size(images: Tensor) -> str:
    return "×".join(map(str, images.shape[1:]))


def _count(images: Tensor) -> str:
    return "1 image" if len(images) == 1 else f"{len(images)} images"
