"""Neural networks: the built-in ones, custom models, and the export of weights."""

from .guide import GuideNet
from .quick import QuickNet
from .strong import StrongNet

__all__ = ["GuideNet", "QuickNet", "StrongNet"]
