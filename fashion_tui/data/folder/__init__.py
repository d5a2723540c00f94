"""A folder of the user's images as a data set.

`layout` finds the files, `split` divides them into a training and a test part, `reader` decodes them, `conversion`
writes them into the cache, which `cache` manages, and `importing` puts these together.
"""

from .importing import image_paths, import_folder, open_imported, verify_imported

__all__ = ["image_paths", "import_folder", "open_imported", "verify_imported"]
