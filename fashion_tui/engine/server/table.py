"""Which function answers which request."""

from collections.abc import Callable, Mapping
from typing import Any

from fashion_tui.schema import requests

from .connection import CallContext
from .data import get_dataset, get_images
from .devices import find_device, get_devices, get_torch_report
from .evaluation import evaluate_run, get_predictions
from .export import export_run
from .feature_maps import get_feature_maps
from .histograms import get_trained_weights, get_weights
from .kept import Kept
from .shapes import check_model, get_model_text, get_shapes, trace_source

Handler = Callable[[Any, CallContext, Kept], object]

HANDLERS: Mapping[type[requests.Request], Handler] = {
    requests.GetDevices: get_devices,
    requests.FindDevice: find_device,
    requests.GetDataset: get_dataset,
    requests.GetImages: get_images,
    requests.GetShapes: get_shapes,
    requests.GetBuiltinSource: get_model_text,
    requests.CheckModel: check_model,
    requests.TraceSource: trace_source,
    requests.GetWeights: get_weights,
    requests.GetTrainedWeights: get_trained_weights,
    requests.GetFeatureMaps: get_feature_maps,
    requests.Evaluate: evaluate_run,
    requests.GetPredictions: get_predictions,
    requests.Export: export_run,
    requests.GetTorchReport: get_torch_report,
}
