"""What happens to the image under the cursor, step by step, and a batch as the network gets it."""

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.builtin_recipes import BEST, RECIPES
from fashion_tui.schema.recipe import Recipe, adapt
from fashion_tui.schema.requests import GetTransforms
from fashion_tui.schema.transforms import Transforms
from fashion_tui.tui.actions import IN_TRANSFORMS, TRANSFORMS, bindings, with_keys
from fashion_tui.tui.app_screen import AppScreen
from fashion_tui.tui.bars import KeyBar
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.screen_computation import ScreenComputation
from fashion_tui.tui.widgets.image import ImageView
from fashion_tui.tui.widgets.image_tiles import ImageTiles, Tile
from fashion_tui.tui.widgets.lines import FittedLines, GrowingLines, left_and_right

from .transform_steps import augmentation_text, batch_lines, explanations, steps_table, values_table
from .view import SelectedImage, Selection

DEFAULT_NROW, MAX_NROW = 8, 32
MIN_SIDE = 14
"""Minimum width of an image in the initial grid, in columns. Two columns are as wide as a line is high."""
OTHER_LINES = 8
"""Number of lines of the screen that aren't available for the grid."""
FULL_HEIGHT = 30
"""Minimum height, in lines, at which ToTensor and Normalize are explained."""


class TransformsScreen(AppScreen[None]):
    """Shows the transforms of an image. Keys move the cursor of the Data pane to other images."""

    TITLE = TRANSFORMS
    HELP = with_keys(
        "transforms",
        "How the image becomes the input of the network. **ToTensor** divides the pixel values by 255, **Normalize** "
        "subtracts the mean and divides by the standard deviation, and the recipe's **augmentation** changes each "
        "training image at random. Test images aren't augmented. The pictures are drawn without the normalisation.\n\n"
        "`{draw}` draws the random changes again, `{recipe}` chooses the recipe. `{next_view}` shows the first batch "
        "of an epoch, arranged by torchvision's `make_grid`; `{more_columns}` and `{fewer_columns}` show more and "
        "fewer images.",
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_TRANSFORMS)
    DEFAULT_CSS = Path(__file__).with_name("transforms_screen.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    AUTO_FOCUS = None

    heading = getters.query_one("#transforms-title", FittedLines)
    caption = getters.query_one("#transforms-caption", FittedLines)
    tiles = getters.query_one(ImageTiles)
    numbers = getters.query_one("#transforms-numbers", GrowingLines)
    grid_area = getters.query_one("#transforms-grid", Container)
    grid = getters.query_one(ImageView)

    def __init__(self, selection: Selection) -> None:
        super().__init__()
        self._selection = selection
        self._recipe = BEST.name
        self._draw = 0
        self._chosen_nrow: int | None = None
        """Number of images in each row of the grid, or None until the user chooses it."""
        self._shows_batch = False
        self._computation = ScreenComputation(self, "transforms", self._show_status, repeat="draw")
        self._shown: tuple[GetTransforms, Transforms] | None = None

    def compose(self) -> ComposeResult:
        yield FittedLines(id="transforms-title")
        yield FittedLines(id="transforms-caption")
        tiles = ImageTiles(min_tiles=4, id="transform-tiles")
        tiles.can_focus = False
        yield tiles
        with Container(id="transforms-grid"):
            yield ImageView()
        yield GrowingLines(id="transforms-numbers")
        yield KeyBar()

    def on_mount(self) -> None:
        self._show()
        self._load()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @property
    def _nrow(self) -> int:
        """Number of images in each row of the grid. The default keeps them large enough to be recognised."""
        columns = min(self.size.width, 2 * (self.size.height - OTHER_LINES))
        return self._chosen_nrow or min(max(columns // MIN_SIDE, 1), DEFAULT_NROW)

    def _adapted(self, image: SelectedImage) -> Recipe:
        return adapt(RECIPES[self._recipe], image.dataset.info)

    def _load(self) -> None:
        self._computation.start("computing the transforms", self._compute)

    async def _compute(self) -> None:
        if (image := self._selection.selected) is None:
            return
        request = GetTransforms(
            ref=image.dataset.info.ref,
            split=image.split,
            index=image.index,
            recipe=self._adapted(image),
            draw=self._draw,
            nrow=self._nrow,
        )
        self._shown = (request, await self._computation.ask(request, Transforms))
        self._show()

    def _show_status(self) -> None:
        """Show the problem or, before the first transforms are shown, what is being computed."""
        if self._shown is None or self._computation.problem:
            self.caption.fit(lambda width: [self._computation.status(width)])

    def _show(self) -> None:
        """Show the transforms that were computed last."""
        if not self.is_mounted:
            return
        self.tiles.display, self.grid_area.display = not self._shows_batch, self._shows_batch
        glyphs = terminal_glyphs()
        if self._shown is None:
            return
        request, transforms = self._shown
        self._show_heading(request)
        augmentation = Text(f"augmentation: {augmentation_text(request.recipe)}", MUTED)
        self.caption.fit(lambda _width: [augmentation])
        if self._shows_batch:
            self.numbers.fit(lambda width: batch_lines(transforms, request.nrow, width, glyphs))
        else:
            explained = explanations(request.recipe) if self.size.height >= FULL_HEIGHT else []
            self.numbers.fit(
                lambda width: [
                    *steps_table(transforms.steps, width, glyphs),
                    *values_table(transforms, glyphs),
                    *explained,
                ]
            )
        self.call_after_refresh(self._show_pictures)

    def _show_heading(self, request: GetTransforms) -> None:
        glyphs, image = terminal_glyphs(), self._selection.selected
        left = Text(f"{request.split} image {request.index:,}", FOREGROUND, no_wrap=True)
        if image is not None and image.index == request.index:
            left.append(": ").append(image.class_name, f"bold {FOREGROUND}")
        right = Text.assemble(("recipe ", MUTED), (request.recipe.name, ACCENT), (f" {glyphs.dot} draw ", MUTED))
        right.append(f"{request.draw}", FOREGROUND)
        self.heading.fit(lambda width: [left_and_right(left, right, width)])

    def _show_pictures(self) -> None:
        """Show the pictures. Their size depends on the number of lines below them."""
        if self._shown is None:
            return
        _, transforms = self._shown
        if self._shows_batch:
            if (picture := transforms.grid.picture) is not None and self.grid_area.size.height:
                self.grid.show(picture, (self.grid_area.size.height, self.grid_area.size.width))
            return
        self.tiles.show(
            [
                Tile(step.picture, (Text(step.name, FOREGROUND),))
                for step in transforms.steps
                if step.picture is not None
            ]
        )

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Allow changes of the grid only while it is shown, and of the image only while its steps are shown."""
        if action == "nrow":
            return self._shows_batch
        return not self._shows_batch if action == "step" else True

    def action_back(self) -> None:
        self.dismiss()

    def action_next_view(self) -> None:
        self._shows_batch = not self._shows_batch
        self._show()
        self.refresh_bindings()

    def action_draw(self) -> None:
        self._draw += 1
        self._load()

    def action_nrow(self, images: int) -> None:
        self._chosen_nrow = min(max(self._nrow + images, 1), MAX_NROW)
        self._load()

    def action_step(self, images: int) -> None:
        self._selection.select_next(images)
        self._load()

    def action_recipe(self) -> None:
        choices = [
            Choice(name, Text.assemble((f"{name:<8}", FOREGROUND), (recipe.summary, MUTED)))
            for name, recipe in RECIPES.items()
        ]
        self.app.push_screen(ChoiceDialog("Recipe", choices, self._recipe), self._recipe_chosen)

    def _recipe_chosen(self, name: str | None) -> None:
        if name is not None:
            self._recipe = name
            self._load()
