"""Data sets in memory: the same values as torchvision's, in an order that depends on seed and epoch."""

import hashlib
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from fashion_tui.data.files import DamagedData, find, verify
from fashion_tui.lab.data.datasets import FASHION_CLASSES, Dataset, ImageBatches, Images, hold_out, load
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.dataset import DATASETS, DatasetRef
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.recipe import Recipe
from tests.dataset_infos import info_for


@pytest.fixture(scope="module")
def real(real_data: Path) -> Dataset:
    return load(find("fashion-mnist", real_data))


CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def numbered() -> Images:
    """Images that show their index: all pixels of image i are i, and so is its label."""
    return Images(torch.arange(103, dtype=torch.uint8).view(103, 1, 1, 1).expand(-1, 1, 28, 28), torch.arange(103))


def indices(batches: ImageBatches, epoch: int, first_step: int = 0) -> list[list[int]]:
    return [batch.indices.tolist() for batch in batches.epoch(epoch, first_step)]


class TestRealSet:
    def test_shapes_types_and_counts(self, real: Dataset) -> None:
        for images, size in ((real.train, 60_000), (real.test, 10_000)):
            assert len(images) == size
            assert (images.pixels.shape, images.pixels.dtype) == ((size, 1, 28, 28), torch.uint8)
            assert (images.labels.shape, images.labels.dtype) == ((size,), torch.int64)
            assert images.labels.bincount().tolist() == [size // 10] * 10
        assert real.classes == FASHION_CLASSES

    def test_images_and_labels_equal_those_of_torchvision(self, real: Dataset, real_data: Path) -> None:
        from torchvision.datasets import FashionMNIST  # noqa: PLC0415 - takes seconds

        theirs = FashionMNIST(real_data, train=False)
        assert torch.equal(real.test.pixels.squeeze(1), theirs.data)
        assert torch.equal(real.test.labels, theirs.targets)

    @pytest.mark.parametrize(("mean", "std"), [(0.5, 0.5), (0.2860, 0.3530)])
    def test_normalisation_equals_that_of_torchvision_to_the_bit(
        self, real: Dataset, real_data: Path, mean: float, std: float
    ) -> None:
        from torchvision.datasets import FashionMNIST  # noqa: PLC0415
        from torchvision.transforms import Compose, Normalize, ToTensor  # noqa: PLC0415

        theirs = FashionMNIST(real_data, train=True, transform=Compose([ToTensor(), Normalize((mean,), (std,))]))
        ours = normalise(real.train.pixels[:500], (mean,), (std,))
        assert ours.dtype == torch.float32
        assert torch.equal(ours, torch.stack([theirs[index][0] for index in range(500)]))

    def test_the_checksum_is_the_same_as_without_torch(self, real: Dataset, real_data: Path) -> None:
        assert real.ref == verify(find("fashion-mnist", real_data))

    def test_it_loads_in_a_fraction_of_a_second(self, real: Dataset) -> None:
        started = time.process_time()
        load(real.ref)
        assert time.process_time() - started < 0.6  # takes 0.1 s on an idle machine

    def test_a_changed_data_set_is_refused(self, real: Dataset) -> None:
        other = DatasetRef(name="fashion-mnist", directory=real.ref.directory, sha256="0" * 64)
        with pytest.raises(UserError, match="has changed"):
            load(other)

    def test_nothing_is_loaded_from_a_truncated_file(self, real_data: Path, tmp_path: Path) -> None:
        raw = tmp_path / "FashionMNIST" / "raw"
        raw.mkdir(parents=True)
        for path in (real_data / "FashionMNIST" / "raw").iterdir():
            (raw / path.name).symlink_to(path)
        cut = raw / "train-images-idx3-ubyte"
        content = cut.read_bytes()[:1000]
        cut.unlink()
        cut.write_bytes(content)
        with pytest.raises(DamagedData, match="1,000 bytes instead of 47,040,016"):
            load(find("fashion-mnist", tmp_path))


def recipe(batch_size: int, **changes: Any) -> Recipe:
    return msgspec.structs.replace(GUIDE, batch_size=batch_size, **changes)


class TestBatches:
    @pytest.mark.covers("recipe.mean", "recipe.std")
    def test_an_epoch_visits_every_image_once_with_its_label(self, numbered: Images) -> None:
        batches = ImageBatches(numbered, recipe(10, mean=(0.0,), std=(1.0,)), seed=0, device=CPU)
        visited = []
        for batch in batches.epoch(0):
            images = batches.prepare(batch)
            assert images.shape[1:] == (1, 28, 28)
            assert torch.equal((images[:, 0, 0, 0] * 255).round().long(), batch.labels)
            assert torch.equal(batch.labels, batch.indices)
            visited += batch.labels.tolist()
        assert sorted(visited) == list(range(103))

    def test_the_last_batch_contains_the_remaining_images(self, numbered: Images) -> None:
        batches = ImageBatches(numbered, recipe(10), seed=0, device=CPU)
        assert len(batches) == 11
        assert [len(labels) for labels in indices(batches, 0)] == [10] * 10 + [3]

    def test_the_order_is_a_function_of_seed_and_epoch(self, numbered: Images) -> None:
        orders = {
            (seed, epoch): tuple(ImageBatches(numbered, recipe(10), seed=seed, device=CPU).order(epoch).tolist())
            for seed in (-1, 0, 1, 2, 3, 2**32, 2**40 + 3)
            for epoch in range(8)
        }
        assert len(set(orders.values())) == len(orders)
        torch.manual_seed(99)
        torch.rand(1000)
        again = ImageBatches(numbered, recipe(25, mean=(0.0,), std=(1.0,)), seed=3, device=CPU)
        assert tuple(again.order(5).tolist()) == orders[3, 5]

    def test_the_order_does_not_use_the_global_random_generator(self, numbered: Images) -> None:
        before = torch.get_rng_state()
        list(ImageBatches(numbered, recipe(10), seed=0, device=CPU).epoch(0))
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize("first_step", [0, 1, 7, 10, 11])
    def test_an_epoch_can_start_at_any_step(self, numbered: Images, first_step: int) -> None:
        batches = ImageBatches(numbered, recipe(10), seed=7, device=CPU)
        assert indices(batches, 4, first_step) == indices(batches, 4)[first_step:]

    @pytest.mark.parametrize("batch_size", [0, -1, 104])
    def test_an_invalid_batch_size_is_refused(self, numbered: Images, batch_size: int) -> None:
        with pytest.raises(UsageError, match=f"batch size is {batch_size}; it must be 1 to 103"):
            ImageBatches(numbered, recipe(batch_size), seed=0, device=CPU)

    def test_a_batch_may_contain_all_images(self, numbered: Images) -> None:
        assert [len(batch) for batch in indices(ImageBatches(numbered, recipe(103), seed=0, device=CPU), 0)] == [103]


class TestHoldOut:
    def test_the_last_images_are_held_out(self, numbered: Images) -> None:
        train, validation = hold_out(numbered, 20)
        assert train.labels.tolist() == list(range(83))
        assert validation.labels.tolist() == list(range(83, 103))
        assert validation.pixels.data_ptr() == numbered.pixels.data_ptr() + numbered.pixels.stride(0) * 83

    def test_images_are_left_out_of_the_training_set_but_not_of_the_validation_set(self, numbered: Images) -> None:
        train, validation = hold_out(numbered, 20, (0, 5, 82, 83, 90, 500))
        assert train.labels.tolist() == [index for index in range(83) if index not in {0, 5, 82}]
        assert validation.labels.tolist() == list(range(83, 103))
        with pytest.raises(UsageError, match="all training images are marked"):
            hold_out(numbered, 20, range(83))

    def test_no_image_is_held_out_for_a_size_of_zero(self, numbered: Images) -> None:
        train, validation = hold_out(numbered, 0)
        assert (len(train), len(validation)) == (103, 0)

    @pytest.mark.parametrize("count", [-1, 103, 500])
    def test_an_invalid_validation_size_is_refused(self, numbered: Images, count: int) -> None:
        with pytest.raises(UsageError, match=f"validation is {count}"):
            hold_out(numbered, count)


class TestSyntheticSet:
    def test_it_needs_no_files_and_has_the_expected_checksum(self) -> None:
        dataset = load(find("synthetic"))
        assert (len(dataset.train), len(dataset.test)) == (12_000, 2_000)
        assert dataset.classes == FASHION_CLASSES
        assert dataset.ref.name == "synthetic"
        assert checksum(dataset) == dataset.ref.sha256, "the drawn images have changed: update data.sources.SYNTHETIC"

    def test_a_different_checksum_is_refused(self) -> None:
        with pytest.raises(UserError, match="synthetic has changed"):
            load(DatasetRef(name="synthetic", directory=None, sha256="1" * 64))


def checksum(dataset: Dataset) -> str:
    """Return the SHA-256 of all pixels and labels, one byte each, with the training set first."""
    digest = hashlib.sha256()
    for images in (dataset.train, dataset.test):
        digest.update(images.pixels.numpy().tobytes())
        digest.update(images.labels.to(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("name", DATASETS)
def test_to_moves_all_tensors_to_a_device(name: str, numbered: Images) -> None:
    dataset = Dataset(info_for(DatasetRef(name=name, directory=None, sha256="")), numbered, numbered).to("meta")
    tensors: list[Tensor] = [dataset.train.pixels, dataset.train.labels, dataset.test.pixels, dataset.test.labels]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_selected_images_share_the_pixels_of_all_images(numbered: Images) -> None:
    odd = numbered[numbered.labels % 2 == 1]
    for images, expected in (
        (odd, range(1, 103, 2)),
        (odd[5:9], [11, 13, 15, 17]),
        (odd[torch.tensor([3, 0, 3])], [7, 1, 7]),
        (odd[odd.labels > 98], [99, 101]),
        (numbered[2:][torch.tensor([1, 0])], [3, 2]),
    ):
        assert images.stored.untyped_storage().data_ptr() == numbered.stored.untyped_storage().data_ptr()
        assert images.labels.tolist() == images.pixels[:, 0, 0, 0].tolist() == list(expected)
        assert (len(images), images.shape) == (len(expected), (1, 28, 28))
        assert images.gather(torch.tensor([1, 0])).equal(images.pixels[[1, 0]])
        batches = list(images.batches([1, len(images) - 1]))
        assert [len(batch) for batch in batches] == [1, len(images) - 1]
        assert torch.cat(batches).equal(images.pixels)
        assert images.nbytes == len(images) * (784 + 8)


def test_only_the_selected_images_are_moved_to_a_device(numbered: Images) -> None:
    moved = numbered[numbered.labels > 90].to("meta")
    assert {part.device.type for part in (moved.stored, moved.labels)} == {"meta"}
    assert (len(moved.stored), moved.rows) == (12, None)


def test_images_are_selected_by_a_mask() -> None:
    images = Images(*draw(50, seed=3))
    bags = images[images.labels == FASHION_CLASSES.index("Bag")]
    assert len(bags) == 5
    assert set(bags.labels.tolist()) == {8}
