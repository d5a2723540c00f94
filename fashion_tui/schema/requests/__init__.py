"""Requests from the panes and commands to the engine. Each docstring names the type of the reply."""

from .datasets import AuditDataset, GetTransforms, PrepareDataset
from .evaluation import (
    CompareRuns,
    Evaluate,
    FindBaselines,
    GetBaselines,
    GetPredictions,
    MeasureRobustness,
    Predict,
    WritePredictions,
)
from .inspection import Explain, GetFeatureMaps, GetNeighbours, GetTrainedWeights
from .machine import FindDevice, GetDevices, GetTorchReport
from .networks import CheckModel, GetBuiltinSource, GetShapes, GetTrainingCosts, GetWeights, TraceSource
from .request import Request
from .runs import CompareStep, Export, Verify
from .training import CheckFineTuning, FindLearningRate, GetPublishedWeights

__all__ = [
    "AnyRequest",
    "AuditDataset",
    "CheckFineTuning",
    "CheckModel",
    "CompareRuns",
    "CompareStep",
    "Evaluate",
    "Explain",
    "Export",
    "FindBaselines",
    "FindDevice",
    "FindLearningRate",
    "GetBaselines",
    "GetBuiltinSource",
    "GetDevices",
    "GetFeatureMaps",
    "GetNeighbours",
    "GetPredictions",
    "GetPublishedWeights",
    "GetShapes",
    "GetTorchReport",
    "GetTrainedWeights",
    "GetTrainingCosts",
    "GetTransforms",
    "GetWeights",
    "MeasureRobustness",
    "Predict",
    "PrepareDataset",
    "Request",
    "TraceSource",
    "Verify",
    "WritePredictions",
]

AnyRequest = (
    GetDevices
    | FindDevice
    | PrepareDataset
    | GetShapes
    | GetBuiltinSource
    | CheckModel
    | GetPublishedWeights
    | CheckFineTuning
    | TraceSource
    | GetTrainingCosts
    | GetWeights
    | GetTrainedWeights
    | GetFeatureMaps
    | Evaluate
    | GetPredictions
    | WritePredictions
    | FindBaselines
    | GetBaselines
    | MeasureRobustness
    | CompareRuns
    | Predict
    | Explain
    | GetNeighbours
    | Export
    | Verify
    | CompareStep
    | FindLearningRate
    | AuditDataset
    | GetTransforms
    | GetTorchReport
)
