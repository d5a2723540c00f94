"""The result of the form, checks of its values together, and warnings about single values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from fashion_tui.report.style import ATTENTION
from fashion_tui.schema.dataset import DatasetInfo
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import CPU_MICRO_BATCH, Recipe
from fashion_tui.schema.recipe_checks import (
    check_dataset,
    check_recipe,
    early_stopping_warning,
    learning_rate_warning,
)

MICRO_BATCH_NOTE = f"on a CPU, BatchNorm uses micro-batches of {CPU_MICRO_BATCH}"


@dataclass(frozen=True, slots=True)
class RunChoices:
    """The result of the form: all settings of a run except the data set."""

    recipe: Recipe
    network: CustomModel | None
    """Custom model that replaces the recipe's network, or None."""
    settings: Mapping[str, Any]
    """The described fields of RunConfig, by name."""
    queue: bool
    """Whether the run waits until no other run trains on its device."""
    suggested_learning_rate: float | None = None
    """The learning rate that a range test with these values has suggested, or None."""
    weights_sha256: str = ""
    """SHA-256 of the file with the initial weights, or an empty string without such a file."""
    left_out: tuple[int, ...] = ()
    """Indices of the training images that the run leaves out."""

    def check(self, dataset: DatasetInfo) -> None:
        """Raise InvalidField if a value is invalid with the other values or for this data set."""
        check_recipe(self.recipe, is_custom=True)  # the form can't change the network
        check_dataset(
            self.recipe, dataset, int(self.settings["validation"]), self.left_out, is_custom=self.network is not None
        )


def warnings(recipe: Recipe) -> dict[str, str | Text]:
    """Return warnings about valid values of a recipe, by the name of the field."""
    found: dict[str, str | Text] = {}
    for name, warning in (
        ("learning_rate", learning_rate_warning(recipe)),
        ("patience", early_stopping_warning(recipe)),
    ):
        if warning is not None:
            found[name] = Text(warning, style=ATTENTION)
    if recipe.batch_size > CPU_MICRO_BATCH:
        found["batch_size"] = MICRO_BATCH_NOTE
    return found
