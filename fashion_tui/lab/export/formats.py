"""The formats of exported networks: how a network is encoded, and how a file is decoded to check it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from fashion_tui.schema.export import ExportFormat, ExportMetadata

from . import exported_program, onnx_model, weight_files

Logits = Callable[[Tensor], Tensor]
"""A function that maps normalised images `[N, C, H, W]` to logits."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of exported networks."""

    encode: Callable[[nn.Module, ExportMetadata], bytes]
    """Return the content of a file. The network must be on the CPU and in evaluation mode. Raises UserError if the
    network can't be stored in this format."""
    decode: Callable[[bytes, Callable[[], nn.Module]], Logits]
    """Return the network that a file contains. The second argument builds a network of the same class with new weights,
    for formats that contain only weights. Raises UserError if the file can't be read."""
    has_code: bool
    """Whether the file contains the network's computation, so that no Python source is needed to use it."""


FORMATS: dict[ExportFormat, FileFormat] = {
    "safetensors": FileFormat(weight_files.encode_safetensors, weight_files.decode_safetensors, has_code=False),
    "state-dict": FileFormat(weight_files.encode_state_dict, weight_files.decode_state_dict, has_code=False),
    "exported-program": FileFormat(exported_program.encode, exported_program.decode, has_code=True),
    "onnx": FileFormat(onnx_model.encode, onnx_model.decode, has_code=True),
}
