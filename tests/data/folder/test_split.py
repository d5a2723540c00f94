"""The split of a folder without a test part."""

import hashlib
from collections import Counter

from fashion_tui.data.folder.layout import ImageFile
from fashion_tui.data.folder.split import in_random_order, split


def files(*names: str, count: int) -> list[ImageFile]:
    return [ImageFile(f"{name}/{index}.png", name, 0, 0) for name in names for index in range(count)]


def paths(selected: list[ImageFile]) -> set[str]:
    return {file.path for file in selected}


def test_about_a_sixth_of_each_class_is_the_test_set() -> None:
    train, test = split(files("cat", "dog", count=3000))
    assert len(train) + len(test) == 6000
    assert all(450 < count < 550 for count in Counter(file.class_name for file in test).values())


def test_the_part_is_determined_by_the_sha256_of_the_path() -> None:
    chosen = files("cat", "dog", count=50)
    expected = {
        file.path for file in chosen
        if int(hashlib.sha256(f"fashion-tui/{file.path}".encode()).hexdigest()[:16], 16) % 6 == 0
    }  # fmt: skip
    train, test = split(chosen)
    assert expected
    assert paths(test) == expected
    assert paths(train) == paths(chosen) - expected


def test_no_file_moves_when_files_are_added_or_removed() -> None:
    before, after = files("cat", "dog", count=100), files("cat", "dog", "emu", count=150)
    assert paths(split(before)[1]) == paths(split(after)[1]) & paths(before)


def test_the_order_of_files_does_not_change_when_files_are_added() -> None:
    before, after = files("cat", count=100), files("cat", "dog", count=150)
    known = set(before)
    assert [file for file in in_random_order(after[::-1]) if file in known] == in_random_order(before)


def test_consecutive_images_are_of_different_classes() -> None:
    train, _ = split(files("cat", "dog", "emu", count=200))
    assert set(Counter(file.class_name for file in train[-60:])) == {"cat", "dog", "emu"}


def test_each_class_has_a_training_image() -> None:
    names = [f"class {index}" for index in range(200)]
    for count in (1, 2):
        train, test = split(files(*names, count=count))
        assert {file.class_name for file in train} == set(names)
        assert len(train) + len(test) == 200 * count


def test_the_smallest_set_has_a_test_image() -> None:
    for index in range(20):
        train, test = split([*files(f"a{index}", count=2), *files(f"b{index}", count=1)])
        assert test
        assert {file.class_name for file in train} == {f"a{index}", f"b{index}"}
    assert split(files("only", count=1))[1] == []
