"""`fashion-tui mark`."""

import os
import re
from collections.abc import Iterable, Mapping

import click
import msgspec

from fashion_tui.cli.inputs import find_dataset
from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import print_line, write_json
from fashion_tui.data.datasets import image_files
from fashion_tui.data.marks import mark_images, read_marks, remove_marks
from fashion_tui.schema.audit import ImageKey, Mark
from fashion_tui.schema.dataset import DatasetInfo
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.text import printable

IMAGE = re.compile(r"(train|test):(\d{1,12})")


@click.command(
    "mark",
    epilog="""\b
Examples:
  fashion-tui mark train:1234 test:56           the labels of these images are wrong
  fashion-tui mark train:78 --dismiss           the label of this image is correct
  fashion-tui mark cat/12.png --dataset photos  the label of this file in the folder photos is wrong
  fashion-tui mark train:78 --remove            remove the mark
  fashion-tui mark                              list the marks
\b
Mark the 100 most suspicious training images:
  fashion-tui audit --json |
    jq -r '[.findings[] | select(.kind == "label") | .images[0] | select(.split == "train")]
           | .[:100][] | "train:\\(.index)"' | xargs fashion-tui mark""",
)
@click.argument("images", metavar="[IMAGE]...", nargs=-1)
@click.option("--dismiss", "dismissed", is_flag=True, help="Record that nothing is wrong with the images.")
@click.option("--remove", "removed", is_flag=True, help="Remove the marks on the images.")
@json_option
@common_options
def mark_command(
    images: tuple[str, ...], *, dismissed: bool, removed: bool, as_json: bool, common: CommonOptions
) -> None:
    """Mark images of a data set whose labels are wrong, or list the marks.

    IMAGE is train:INDEX or test:INDEX, as printed by fashion-tui audit, or the path of an image in the folder that
    --dataset names. The marks belong to the exact images and labels of the data set. They don't change its files. Use
    fashion-tui train --without-marked to leave out marked training images.
    """
    if dismissed and removed:
        raise UsageError("--dismiss and --remove can't be combined")
    if (dismissed or removed) and not images:
        raise UsageError(f"{'--dismiss' if dismissed else '--remove'} needs images, such as train:12")
    dataset = find_dataset(common)
    files = image_files(dataset.ref)
    keys = [_image(text, dataset, files) for text in images]
    if not keys:
        marks = read_marks(dataset.ref)
    elif removed:
        marks = remove_marks(dataset.ref, keys)
    else:
        marks = mark_images(dataset.ref, keys, "dismissed" if dismissed else "mislabelled")
    if as_json:
        write_json(
            {"dataset": dataset.ref.short_name, "sha256": dataset.ref.sha256, "marks": msgspec.to_builtins(marks)}
        )
        return
    for line in _lines(marks, keys, files):
        print_line(line)


def _image(text: str, dataset: DatasetInfo, files: Mapping[ImageKey, str]) -> ImageKey:
    match = IMAGE.fullmatch(text)
    if match is None:
        return _image_at(text, dataset, files)
    index = int(match[2])
    if match[1] == "train":
        key: ImageKey = ("train", index)
        count = dataset.train_size
    else:
        key, count = ("test", index), dataset.test_size
    if index >= count:
        raise UsageError(f"there is no image {text}; {dataset.title} has {count:,} {match[1]} images, counted from 0")
    return key


def _image_at(path: str, dataset: DatasetInfo, files: Mapping[ImageKey, str]) -> ImageKey:
    """Return the image with a path, which is relative to the data set's folder or to the working directory."""
    folder = dataset.ref.directory
    if not files or folder is None:
        raise UsageError(f"{path!r} isn't an image; write train:INDEX or test:INDEX, such as train:12")
    keys = {file: key for key, file in files.items()}
    for relative in (os.path.normpath(path), os.path.relpath(path, folder)):
        if relative in keys:
            return keys[relative]
    raise UsageError(
        f"{path!r} isn't an image in {printable(folder)}; write its path, or train:INDEX or test:INDEX, such as "
        "train:12"
    )


def _lines(marks: Iterable[Mark], changed: Iterable[ImageKey], files: Mapping[ImageKey, str]) -> list[str]:
    """Return a line for each mark or, if images were marked, a line with the number of marks."""
    marks = tuple(marks)
    mislabelled = sum(mark.verdict == "mislabelled" for mark in marks)
    count = f"{mislabelled:,} mislabelled, {len(marks) - mislabelled:,} dismissed"
    if tuple(changed):
        return [f"marks: {count}"]
    lines = (f"{mark.split}:{mark.index} {mark.verdict} {printable(files.get(mark.key, ''))}" for mark in marks)
    return [line.rstrip() for line in lines] or ["no marks"]
