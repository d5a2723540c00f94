"""Where the app finds its panes. Each is imported when first chosen, so that the first paint waits for one only."""

from .actions import PaneName
from .pane import Pane


def make_pane(name: PaneName) -> Pane:
    match name:
        case "playground":
            from .playground.pane import PlaygroundPane

            return PlaygroundPane(id=name)
        case "data":
            from .data.pane import DataPane

            return DataPane(id=name)
        case "model":
            from .model.pane import ModelPane

            return ModelPane(id=name)
        case "train":
            from .train.pane import TrainPane

            return TrainPane(id=name)
        case "evaluate":
            from .evaluate.pane import EvaluatePane

            return EvaluatePane(id=name)
