"""Export a network as an ONNX model, and run the model with ONNX Runtime. Needs the extra `onnx`."""

from collections.abc import Callable
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.export import METADATA_KEY, ExportMetadata

from .exported_program import quiet, trace

INPUT_NAME, OUTPUT_NAME = "images", "logits"


def encode(network: nn.Module, metadata: ExportMetadata) -> bytes:
    """Return an ONNX model that accepts batches of any size.

    Raises UserError if the network can't be traced, if it uses an operation that ONNX lacks, or if a package is
    missing.
    """
    onnx, _ = _packages()
    program = trace(network, metadata.image_shape)
    try:
        with torch.no_grad(), quiet():
            exported: Any = torch.onnx.export(
                program,
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                dynamic_shapes=({0: "batch"},),
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        name = type(network).__name__
        raise UserError(
            f"{name} can't be exported as onnx: {_root_cause(error)}; export it as exported-program, or only its "
            "weights, as safetensors"
        ) from error
    model = exported.model_proto
    onnx.helper.set_model_props(model, {METADATA_KEY: msgspec.json.encode(metadata).decode()})
    content: bytes = model.SerializeToString()
    return content


def decode(content: bytes, _build: Callable[[], nn.Module]) -> Callable[[Tensor], Tensor]:
    """Return a function that computes logits with ONNX Runtime on the CPU."""
    _, onnxruntime = _packages()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # only errors
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run([OUTPUT_NAME], {INPUT_NAME: images.numpy()})[0])


def _root_cause(error: BaseException) -> str:
    """Return the first sentence of the error that caused all others."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()).partition(". ")[0].rstrip(".")


def _packages() -> tuple[Any, Any]:
    """Import the packages of the extra `onnx`, and return onnx and onnxruntime. Raises UserError if one is missing."""
    try:
        import onnx  # noqa: PLC0415 -- optional
        import onnxruntime  # noqa: PLC0415 -- optional
        import onnxscript  # noqa: F401, PLC0415 -- optional, and torch.onnx.export needs it
    except ImportError as error:
        raise UserError(
            f"the format onnx needs the package {error.name}; install it with: pip install 'fashion-tui[onnx]'"
        ) from None
    return onnx, onnxruntime
