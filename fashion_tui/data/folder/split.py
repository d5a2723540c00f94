"""Split images into a training and a test part by hashes of their paths, so that adding files moves no other file."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from .layout import ImageFile

SEED = "fashion-tui"
"""Seed of the hashes. A different seed gives a different split and order."""

IMAGES_PER_TEST_IMAGE = 6
"""On average, one in IMAGES_PER_TEST_IMAGE images is a test image."""


def split(files: Sequence[ImageFile]) -> tuple[list[ImageFile], list[ImageFile]]:
    """Return the training files and the test files, about one in IMAGES_PER_TEST_IMAGE, both in random order.

    The part of a file depends only on its path, with two exceptions: if all files of a class would be test files, one
    of them becomes a training file; and if there would be no test file, one file of the largest class becomes one.
    """
    shuffled = in_random_order(files)
    test = {file.path for file in shuffled if path_hash(file) % IMAGES_PER_TEST_IMAGE == 0}
    classes: dict[str, list[ImageFile]] = defaultdict(list)
    for file in shuffled:
        classes[file.class_name].append(file)
    for members in classes.values():
        if all(file.path in test for file in members):
            test.remove(members[-1].path)
    largest = max(classes.values(), key=len)
    if not test and len(largest) > 1:
        test.add(largest[0].path)
    return [file for file in shuffled if file.path not in test], [file for file in shuffled if file.path in test]


def in_random_order(files: Sequence[ImageFile]) -> list[ImageFile]:
    """Return the files ordered by their hashes.

    This mixes the classes, so that consecutive images are a random sample. The images held out for validation, for
    example, are consecutive.
    """
    return sorted(files, key=path_hash)


def path_hash(file: ImageFile) -> int:
    """Return the first 64 bits of the SHA-256 of the seed and a file's path."""
    return int.from_bytes(hashlib.sha256(f"{SEED}/{file.path}".encode()).digest()[:8])
