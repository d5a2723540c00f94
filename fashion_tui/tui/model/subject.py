"""Which network the pane shows, and how it is traced."""

from dataclasses import dataclass, replace
from pathlib import Path

from fashion_tui.engine.client import EngineDied
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import MODELS, CustomModel, NamedModel
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.requests import GetShapes, TraceSource
from fashion_tui.schema.shapes import Shape, ShapeTable
from fashion_tui.tui.sandbox_engine import SandboxEngine, TimeLimitExceeded

INPUT_SIZE: Shape = (1, 28, 28)


@dataclass(frozen=True, slots=True)
class Subject:
    """A network and what it is looked at with."""

    name: str
    """As the title calls it."""
    network: NamedModel | CustomModel
    input_size: Shape = INPUT_SIZE
    run: Path | None = None
    """The run whose weights it has; None: fresh ones."""

    @property
    def has_text(self) -> bool:
        """Whether there is a source to edit."""
        return isinstance(self.network, CustomModel) or self.network.model in MODELS

    def written(self, network: CustomModel) -> "Subject":
        """The same with this source, which no run has learned."""
        return replace(self, network=network, run=None)


OURS = Subject(MODELS[0], NamedModel(model=MODELS[0]))


async def traced(workshop: SandboxEngine, subject: Subject, seconds: float, *, measure: bool = False) -> SourceTrace:
    """What became of it; also what can't be traced at all is told so."""
    network, size = subject.network, subject.input_size
    try:
        if isinstance(network, CustomModel):
            return await workshop.ask(
                TraceSource(network=network, input_size=size, measure=measure), SourceTrace, seconds
            )
        request = GetShapes(model=network.model, input_size=size, arguments=network.arguments, measure=measure)
        table = await workshop.ask(request, ShapeTable, seconds)
        return SourceTrace(table=table, class_name=None, error=table.error)
    except (TimeLimitExceeded, EngineDied) as error:
        return SourceTrace(table=None, class_name=None, error=f"the network's code: {error}", cause="source")
    except UserError as error:
        return SourceTrace(table=None, class_name=None, error=str(error))
