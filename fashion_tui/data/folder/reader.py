"""Read one image of a folder: decode its file, or copy the image from an earlier conversion."""

from pathlib import Path

from fashion_tui.data.decoding import DecodedImage, UnreadableImage, decode, fit_to
from fashion_tui.schema.dataset import DEFAULT_IMAGE_SIZE, DatasetRef

from .cache import Conversion, IndexedFile
from .layout import ImageFile


class ImageReader:
    """Reads the images of a folder at the size of the data set's images. Thread-safe."""

    def __init__(self, ref: DatasetRef, earlier: Conversion | None) -> None:
        self.size = ref.image_size or DEFAULT_IMAGE_SIZE
        self._folder = Path(ref.directory or "")
        self._fit = ref.fit or "pad"
        self._earlier = earlier

    def needs_decoding(self, file: ImageFile) -> bool:
        """Return whether the file is new, or has changed since the earlier conversion."""
        return self._known(file) is None

    def read(self, file: ImageFile) -> DecodedImage | UnreadableImage:
        """Return an image as uint8 `[size, size]` if all its pixels are grey, and `[size, size, 3]` otherwise.

        If the image can't be decoded, return the error instead.
        """
        known = self._known(file)
        if known is None or self._earlier is None:
            try:
                return fit_to(decode(self._folder / file.path), self.size, self._fit)
            except UnreadableImage as error:
                return error
        planes = self._earlier.dataset.split(known.split).pixels[known.index]
        image: DecodedImage = planes[0] if known.is_grey else planes.transpose(1, 2, 0)
        return image

    def _known(self, file: ImageFile) -> IndexedFile | None:
        """Return the file's entry in the earlier conversion, or None if the file is new or has changed."""
        known = None if self._earlier is None else self._earlier.files.get(file.path)
        if known is None or (known.size, known.mtime_ns) != (file.size, file.mtime_ns):
            return None
        return known
