"""What the panes and the commands ask of the engine, and what it answers."""

from typing import Literal

import msgspec

from .dataset import Split
from .models import CustomModel, NamedModel


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


class GetBuiltinSource(Request, frozen=True, kw_only=True):
    """ModelText of one of our own networks, ready to be edited and run by itself."""

    model: str
    """A name in `schema.recipe.MODELS`."""


class CheckModel(Request, frozen=True, kw_only=True):
    """The same CustomModel with its class named, if it can be trained as it stands, without the rest of its folder.

    It runs a person's code. A Failure says why it can't be trained.
    """

    network: CustomModel


class TraceSource(Request, frozen=True, kw_only=True):
    """SourceTrace. It runs a person's code: ask an engine that may be ended at any time."""

    network: CustomModel
    input_size: tuple[int, ...]
    """Without the batch axis."""
    measure: bool = False
    """Time the steps too."""


class GetWeights(Request, frozen=True, kw_only=True):
    """tuple[Histogram, ...]: the weights that the network begins with, drawn with seed 0. It runs a person's code."""

    network: NamedModel | CustomModel


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
    | GetBuiltinSource
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
