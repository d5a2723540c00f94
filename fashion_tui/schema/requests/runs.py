"""Requests to export a run, or to check that it can be reproduced."""

from fashion_tui.schema.export import ExportFormat

from .request import Request


class Export(Request, frozen=True, kw_only=True):
    """Ask to export a checkpoint to a file; the reply is an ExportResult.

    Progress is reported as a number of compared images. Fails with UntrustedSource in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    format: ExportFormat
    output: str
    """Path of the file to write."""


class Verify(Request, frozen=True, kw_only=True):
    """Ask to repeat steps of a run and to compare them bit for bit; the reply is a Verification.

    Progress is reported as a number of steps. Fails with UntrustedSource in the same cases as Evaluate. The engine uses
    the run's number of threads from then on, so close the engine afterwards.
    """

    run_path: str
    steps: int
    """Number of steps to repeat."""


class CompareStep(Request, frozen=True, kw_only=True):
    """Ask whether a step of two runs had the same batch and weights; the reply is a StepComparison.

    Doesn't execute the runs' code.
    """

    run_path: str
    other_path: str
    step: int
