"""The result of an export in words."""

from fashion_tui.schema.export import ExportResult


def export_check(exported: ExportResult) -> str:
    """Return how the logits of an exported file differ from those of the run."""
    images = f"{exported.images:,} test images"
    if exported.max_difference == 0:
        return f"the file gives the same logits as the run for {images}"
    return f"the logits for {images} differ from the run's by at most {exported.max_difference:.1e}"
