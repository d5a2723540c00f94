"""The images, labels, classes and summary of an imported folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion_tui.data.decoding import DecodedImage
from fashion_tui.data.folder import import_folder
from fashion_tui.data.folder.conversion import Converter
from fashion_tui.data.folder.images_file import ImagesFile
from fashion_tui.data.folder.layout import read_layout
from fashion_tui.data.stored import StoredDataset
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError

from .conftest import SIZE, Import, fill, picture, reference, skipped, write


def images_of(dataset: StoredDataset) -> dict[str, set[bytes]]:
    """Return the pixels of all images of each class, as bytes in the order C, H, W."""
    found: dict[str, set[bytes]] = {name: set() for name in dataset.info.classes}
    for part in (dataset.train, dataset.test):
        for pixels, label in zip(part.pixels, part.labels, strict=True):
            found[dataset.info.classes[label]].add(pixels.tobytes())
    return found


def planes(image: DecodedImage) -> bytes:
    """Return the pixels of an image with three channels, as bytes in the order C, H, W."""
    return b"".join(np.broadcast_to(image.T, (3, SIZE, SIZE))[channel].T.tobytes() for channel in range(3))


def test_each_image_is_stored_unchanged_with_the_label_of_its_class(folder: Path) -> None:
    dataset = Import(folder)()
    assert dataset.info.classes == ("cat", "dog")
    assert dataset.info.image_shape == (1, SIZE, SIZE)
    assert images_of(dataset) == {
        name: {picture(1000 * label + index).tobytes() for index in range(12)}
        for label, name in enumerate(("cat", "dog"))
    }
    assert dataset.train.pixels.dtype == np.uint8
    assert dataset.train.labels.dtype == np.int64


def test_one_image_with_colours_gives_all_images_three_channels(folder: Path) -> None:
    write(folder / "cat" / "0.png", picture(7, colour=True))
    dataset = Import(folder)()
    assert dataset.info.image_shape == (3, SIZE, SIZE)
    assert dataset.train.pixels.shape[1:] == dataset.test.pixels.shape[1:] == (3, SIZE, SIZE)
    colours = images_of(dataset)["cat"]
    assert planes(picture(7, colour=True)) in colours
    assert {planes(picture(index)) for index in range(1, 12)} < colours


@pytest.mark.parametrize("position", [0, 3, 6])
def test_the_image_with_colours_may_have_any_index(tmp_path: Path, position: int) -> None:
    images = ImagesFile(tmp_path / "images.npy", SIZE)
    for index in range(7):
        images.append(picture(index, colour=index == position))
    images.finish()
    expected = [planes(picture(index, colour=index == position)) for index in range(7)]
    stored = np.load(tmp_path / "images.npy")
    assert stored.shape == (7, 3, SIZE, SIZE)
    assert [pixels.tobytes() for pixels in stored] == expected


def test_images_are_made_square(tmp_path: Path) -> None:
    fill(tmp_path, "cat", "dog")
    bar = np.full((4, 8), 50, np.uint8)
    bar[1:3] = 200
    write(tmp_path / "cat" / "bar.png", bar)
    padded = np.full((8, 8), round((2 * 8 * 50 + 4 * 200) / 20), np.uint8)  # 20 pixels are at the border
    padded[2:6] = bar
    assert padded.tobytes() in images_of(Import(tmp_path)())["cat"]
    cropped = np.asarray(Image.fromarray(bar[:, 2:6]).resize((8, 8), Image.Resampling.BILINEAR))
    dataset = import_folder(reference(tmp_path, "crop"), lambda _done, _total: None, lambda: False)
    assert cropped.tobytes() in images_of(dataset)["cat"]


def test_the_default_size_is_32(folder: Path) -> None:
    ref = DatasetRef(name="folder", directory=str(folder), sha256="")
    assert import_folder(ref, lambda _done, _total: None, lambda: False).info.image_shape == (1, 32, 32)


def test_the_summary_counts_images_and_measures_channels(folder: Path) -> None:
    write(folder / "cat" / "0.png", picture(7, colour=True))
    dataset = Import(folder)()
    info, train = dataset.info, dataset.train
    assert info.title == "pets"
    assert info.train_counts == tuple(np.bincount(train.labels, minlength=2))
    assert np.add(info.train_counts, info.test_counts).tolist() == [12, 12]
    values = train.pixels.transpose(1, 0, 2, 3).reshape(3, -1).astype(np.float64) / 255
    np.testing.assert_allclose(info.mean, values.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(info.std, values.std(axis=1), rtol=1e-9)


def test_a_part_named_test_is_the_test_set(tmp_path: Path) -> None:
    fill(tmp_path / "train", "cat", "dog", count=5)
    fill(tmp_path / "test", "dog", count=2)
    info = Import(tmp_path)().info
    assert (info.classes, info.train_counts, info.test_counts) == (("cat", "dog"), (5, 5), (0, 2))


def test_classes_are_in_natural_order(tmp_path: Path) -> None:
    assert Import(fill(tmp_path, "10", "9", "1", count=2))().info.classes == ("1", "9", "10")


def test_any_name_is_a_printable_class_name(tmp_path: Path) -> None:
    names = ("a\x1b[31m", "a\x1b[31m\n", "a\x07[31m", r"a\x07[31m", "x" * 200, "\N{CAT} 猫")
    info = Import(fill(tmp_path, *names, count=2))().info
    escaped = {r"a\x1b[31m", r"a\x1b[31m\n", r"a\x07[31m", r"a\x07[31m (2)"}
    assert set(info.classes) == escaped | {"x" * 200, "\N{CAT} 猫"}


def test_files_that_cannot_be_decoded_are_listed_and_the_others_kept(folder: Path) -> None:
    (folder / "cat" / "text.png").write_text("not an image")
    photo = folder / "dog" / "cut.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)).save(photo)
    photo.write_bytes(photo.read_bytes()[:2000])
    Image.new("1", (20_000, 20_000)).save(folder / "dog" / "bomb.png")
    (folder / "emu").mkdir()
    dataset = Import(folder)()
    assert sum(dataset.info.train_counts) + sum(dataset.info.test_counts) == 24
    assert dataset.info.classes == ("cat", "dog")
    found = skipped(dataset)
    assert set(found) == {"cat/text.png", "dog/cut.jpg", "dog/bomb.png", "emu"}
    assert "truncated" in found["dog/cut.jpg"]
    assert "100,000,000 pixels" in found["dog/bomb.png"]
    assert skipped(Import(folder)()) == found


def test_a_class_whose_files_are_all_damaged_is_left_out(folder: Path) -> None:
    (folder / "bat").mkdir()
    for index in range(3):
        (folder / "bat" / f"{index}.png").write_text("not an image")
    dataset = Import(folder)()
    assert dataset.info.classes == ("cat", "dog")
    assert dataset.train.labels.max() == 1


def test_a_class_without_training_images_is_listed(tmp_path: Path) -> None:
    fill(tmp_path / "train", "cat", "dog", count=3)
    fill(tmp_path / "test", "Cat", "dog", count=2)
    dataset = Import(tmp_path)()
    assert (dataset.info.classes, dataset.info.test_counts) == (("cat", "dog"), (0, 2))
    assert skipped(dataset) == {"Cat": "2 test images, but no training images of this class"}


def test_a_folder_on_which_no_network_can_be_trained_and_tested_is_refused(tmp_path: Path) -> None:
    one, damaged, untested = tmp_path / "one", tmp_path / "damaged", tmp_path / "untested"
    fill(one, "cat")
    for name in ("cat", "dog"):
        (damaged / name).mkdir(parents=True)
        (damaged / name / "1.png").write_text("not an image")
    fill(untested / "train", "cat", "dog")
    fill(untested / "test", "emu")
    with pytest.raises(UserError, match="only one class, 'cat'"):
        Import(one)()
    with pytest.raises(UserError, match=r"no image that can be read.*(cat|dog)/1.png.*isn't an image.*and 1 more"):
        Import(damaged)()
    with pytest.raises(UserError, match=r"no test image.*emu: 12 test images"):
        Import(untested)()


def test_a_folder_that_is_moved_while_it_is_read_is_reported(folder: Path, tmp_path: Path) -> None:
    layout = read_layout(folder, lambda: False)
    folder.rename(tmp_path / "moved")
    (tmp_path / "target").mkdir()
    converter = Converter(reference(folder), tmp_path / "target", None, lambda _done, _total: None, lambda: False)
    with pytest.raises(UserError, match=f"{folder} was moved or deleted while it was read"):
        converter.convert(layout)
