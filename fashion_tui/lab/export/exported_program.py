"""Export a network as a program: its computation, recorded by `torch.export`, with its weights."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, StringIO
from pathlib import PurePath

import msgspec
import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from fashion_tui.lab.networks.custom import SourceError, explain_error
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.export import METADATA_FILE, ExportMetadata

EXAMPLE_IMAGES = 2
"""Batch size with which the network is traced. torch.export treats a size of 0 or 1 as a constant."""


def encode(network: nn.Module, metadata: ExportMetadata) -> bytes:
    """Return the file that `torch.export.save` writes. Raises UserError if the network can't be traced."""
    file = BytesIO()
    program = trace(network, metadata.image_shape)
    with quiet():
        torch.export.save(program, file, extra_files={METADATA_FILE: msgspec.json.encode(metadata).decode()})
    return file.getvalue()


def decode(content: bytes, _build: Callable[[], nn.Module]) -> nn.Module:
    """Return the network that a file contains. This doesn't execute the source of a custom model."""
    with quiet():
        return torch.export.load(BytesIO(content)).module()


def trace(network: nn.Module, image_shape: tuple[int, int, int]) -> ExportedProgram:
    """Record the computation of a network for batches of any size. Raises UserError if that is impossible."""
    images = torch.zeros(EXAMPLE_IMAGES, *image_shape)
    try:
        with torch.no_grad(), quiet():
            program = torch.export.export(network, (images,), dynamic_shapes=({0: Dim("batch")},))
    except (Exception, SystemExit) as error:
        raise UserError(
            f"{type(network).__name__} can't be exported with its code: {_cause(error)}; "
            "export only its weights, as safetensors or state-dict"
        ) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # contains paths on this machine
    return program


def _cause(error: BaseException) -> str:
    """Explain in one line why a network can't be traced, with the line of a custom model if it is known."""
    # Imported here because importing them takes a second. torch.export has imported them by now.
    from torch._dynamo.exc import UserError as ConstraintViolated  # noqa: PLC0415
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode  # noqa: PLC0415

    located = explain_error(error)
    reason = located.message if isinstance(located, SourceError) else str(located)
    if isinstance(error, GuardOnDataDependentSymNode):
        reason = "what forward computes depends on the values of a tensor"
    elif isinstance(error, ConstraintViolated) and "onstraints violated" in str(error):
        reason = "forward doesn't accept batches of every size"
    if isinstance(located, SourceError) and located.line is not None:
        return f"{reason} ({PurePath(located.file).name}:{located.line})"
    return reason


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress what torch's exporters print, log and warn about in the `with` block."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
