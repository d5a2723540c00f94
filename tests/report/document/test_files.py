"""A report is written completely or not at all."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from fashion_tui.report.document.files import write_report
from fashion_tui.schema.errors import UserError

from .sample import document


@pytest.fixture(params=[100, 1_800])
def small_files(request: pytest.FixtureRequest) -> Iterator[None]:
    """Limit the size of the files that this process writes, so that the first image or a later file is too large."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (request.param, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_report_has_its_images_in_a_folder(tmp_path: Path) -> None:
    write_report(document(), tmp_path / "x.md")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x-images", "x.md"]
    images = sorted(path.name for path in (tmp_path / "x-images").iterdir())
    assert images == ["image-00007.png", "image-01234.png", "reliability.svg"]


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("suffix", [".md", ".html"])
def test_a_report_that_fails_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    report, images = tmp_path / f"x{suffix}", tmp_path / "x-images"
    with pytest.raises(UserError, match=r"x\.(md|html)"):
        write_report(document(), report)
    assert list(tmp_path.iterdir()) == []
    images.mkdir()
    (images / "mine.png").write_text("mine")
    report.write_text("an older report")
    with pytest.raises(UserError):
        write_report(document(), report)
    assert sorted(tmp_path.iterdir()) == sorted([images, report])
    assert report.read_text() == "an older report"
    assert [path.name for path in images.iterdir()] == ["mine.png"]
