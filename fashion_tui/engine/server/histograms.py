"""Weights as histograms: those that a network begins with, and those that a run has learned."""

from pathlib import Path

import torch

from fashion_tui.lab.evaluation.histograms import histogram, weight_histograms
from fashion_tui.lab.networks.custom import network, source_network
from fashion_tui.lab.randomness import random_state, seed_everything, set_random_state
from fashion_tui.lab.training.checkpoint import final_weights, read_checkpoint
from fashion_tui.runs.checkpoints import CheckpointStore
from fashion_tui.runs.store import load_config
from fashion_tui.schema.models import NamedModel
from fashion_tui.schema.requests import GetTrainedWeights, GetWeights
from fashion_tui.schema.weights import Histogram
from fashion_tui.trained import find_checkpoint

from .connection import CallContext
from .kept import Kept

CPU = torch.device("cpu")


def get_weights(request: GetWeights, call: CallContext, _kept: Kept) -> tuple[Histogram, ...]:
    wanted = request.network
    state = random_state(CPU)
    seed_everything(0)
    try:
        with call.interruptible():
            if isinstance(wanted, NamedModel):
                with network(wanted.model, wanted.arguments) as model:
                    return weight_histograms(model)
            file = None if wanted.file is None else Path(wanted.file)
            with source_network(wanted.source, wanted.class_name, wanted.arguments, file=file) as (model, _):
                return weight_histograms(model)
    finally:
        set_random_state(state, CPU)


def get_trained_weights(request: GetTrainedWeights, _call: CallContext, _kept: Kept) -> tuple[Histogram, ...]:
    path = Path(request.run_path)
    ref = find_checkpoint(path, load_config(path), request.checkpoint)
    training, _ = read_checkpoint(CheckpointStore(path).path(ref))
    weights = final_weights(training)
    return tuple(
        histogram(name, values) for name, values in weights.items() if values.is_floating_point() and values.numel()
    )
