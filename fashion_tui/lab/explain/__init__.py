"""Explain a network's prediction for one image with a heat map that shows which pixels matter.

`Classifier` is the copy of the network that is run. `saliency`, `grad_cam` and `occlusion` contain the methods, and
`methods` computes a heat map by the name of its method.
"""

from .classifier import Classifier, choose_target
from .grad_cam import CamLayers, find_layers, grad_cam
from .methods import explain, scale_to_one
from .occlusion import occlusion
from .saliency import input_x_gradient, smooth_grad

__all__ = [
    "CamLayers",
    "Classifier",
    "choose_target",
    "explain",
    "find_layers",
    "grad_cam",
    "input_x_gradient",
    "occlusion",
    "scale_to_one",
    "smooth_grad",
]
