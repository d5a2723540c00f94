"""What the panes and the commands ask of the engine, and what it answers."""

from typing import Literal

import msgspec

from .dataset import Split
from .shapes import ShapeTable


class Request(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Each request says in its docstring what is answered."""


class GetDevices(Request, frozen=True, kw_only=True):
    """tuple[Device, ...], the CPU first."""


class FindDevice(Request, frozen=True, kw_only=True):
    """The Device that a person's word means; a Failure says why this machine hasn't that one."""

    name: str
    """As `--device` takes it."""


class GetDataset(Request, frozen=True, kw_only=True):
    """DatasetInfo. Loads the set, so that later requests are quick."""

    name: str
    directory: str | None


class GetImages(Request, frozen=True, kw_only=True):
    """ImagePage."""

    name: str
    directory: str | None
    split: Split
    label: int | None
    """Only images of this class; None: all."""
    offset: int
    count: int


class GetShapes(Request, frozen=True, kw_only=True):
    """ShapeTable of a network, traced on the meta device: nothing is computed."""

    model: str
    """A name in `schema.recipe.MODELS`, or `file.py:Class`."""
    input_size: tuple[int, ...]
    """Without the batch axis."""
    arguments: dict[str, object] = {}
    """Keyword arguments of the model's class."""
    measure: bool = False
    """Time the steps too, which runs the network on values."""


class NamedNetwork(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A network with fresh weights, by what a person writes for it."""

    model: str
    """A name in `schema.recipe.MODELS`, `file.py:Class` or `torchvision:NAME`."""
    arguments: dict[str, object] = {}
    """Keyword arguments of the model's class."""


class WrittenNetwork(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A network with fresh weights, by its source."""

    source: str
    class_name: str | None
    """What of the source is the network; where it has nothing of that name, its last class that is a network."""
    arguments: dict[str, object] = {}
    file: str | None = None
    """Where the source belongs, saved or not: the modules of that folder are at hand."""
    exact: bool = False
    """It must have something of that name; without a name, it must define a single network."""


class GetModelText(Request, frozen=True, kw_only=True):
    """ModelText of one of our own networks, ready to be edited and run by itself."""

    model: str
    """A name in `schema.recipe.MODELS`."""


class CheckModel(Request, frozen=True, kw_only=True):
    """The same WrittenNetwork with its class named, if it can be trained as it stands, without the rest of its folder.

    It runs a person's code. A Failure says why it can't be trained.
    """

    network: WrittenNetwork


class TraceSource(Request, frozen=True, kw_only=True):
    """SourceTrace. It runs a person's code: ask an engine that may be ended at any time."""

    network: WrittenNetwork
    input_size: tuple[int, ...]
    """Without the batch axis."""
    measure: bool = False
    """Time the steps too."""


class GetWeights(Request, frozen=True, kw_only=True):
    """tuple[Histogram, ...]: the weights that the network begins with, drawn with seed 0. It runs a person's code."""

    network: NamedNetwork | WrittenNetwork


class GetTrainedWeights(Request, frozen=True, kw_only=True):
    """tuple[Histogram, ...] of a run's checkpoint. No code of the run is executed."""

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step's number."""


class GetFeatureMaps(Request, frozen=True, kw_only=True):
    """FeatureMaps: what a step of a run's network gives for one test picture. UntrustedSource as for Evaluate."""

    run_path: str
    checkpoint: str
    path: str
    """Of the step's row in the table of shapes."""
    op: str
    occurrence: int
    """Which of several rows with that path and operation, from 0."""
    index: int
    """Of the picture, in the test set."""
    offset: int
    """The first map that is wanted."""
    count: int


class Evaluate(Request, frozen=True, kw_only=True):
    """Evaluation of a run's weights on the test set; Progress in images.

    UntrustedSource where the run's network is code that this user hasn't run before, nor said to be trusted.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step's number."""


class GetPredictions(Request, frozen=True, kw_only=True):
    """PredictionPage of an evaluated checkpoint; it is evaluated first where it wasn't yet, as by Evaluate."""

    run_path: str
    checkpoint: str
    which: Literal["all", "wrong", "right"]
    truth: int | None
    predicted: int | None
    sort: Literal["index", "loss"]
    """`loss`: the worst first."""
    offset: int
    count: int


class Export(Request, frozen=True, kw_only=True):
    """Exported. UntrustedSource as for Evaluate."""

    run_path: str
    checkpoint: str
    format: Literal["safetensors"]
    output: str


class GetTorchReport(Request, frozen=True, kw_only=True):
    """tuple[Check, ...]: versions and devices, for `doctor`."""


AnyRequest = (
    GetDevices
    | FindDevice
    | GetDataset
    | GetImages
    | GetShapes
    | GetModelText
    | CheckModel
    | TraceSource
    | GetWeights
    | GetTrainedWeights
    | GetFeatureMaps
    | Evaluate
    | GetPredictions
    | Export
    | GetTorchReport
)


class Device(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """As `--device` takes it: `cpu`, `cuda:0`, `mps`."""
    description: str
    memory: int | None
    """Bytes; None where it isn't known."""
    busy: float | None = None
    """Share of its time in which it computes, for whomever, in [0, 1]; None where it isn't known."""
    memory_used: int | None = None
    """Bytes, by all processes."""


class ModelText(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    class_name: str


Fault = Literal["source", "arguments", "input"]
"""Of a network that can't be traced: what is to be mended."""


class SourceTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a source: the table of its network, and what is wrong with it, if anything is."""

    table: ShapeTable | None
    """None where the network couldn't even be made."""
    class_name: str | None
    """The network's class."""
    error: str | None = None
    """One line, without the place."""
    line: int | None = None
    """Of the source, where it fails; None where that isn't known."""
    fault: Fault | None = None


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    format: str
    max_difference: float
    """Between the logits of the run's network and of the file read back, over a batch of test images."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `doctor`."""

    name: str
    ok: bool
    detail: str
    """What was found; where it isn't well, what to do."""
