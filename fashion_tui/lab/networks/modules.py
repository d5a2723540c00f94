"""Execute a custom model's files as modules that are separate from all other modules of the process.

Each model gets its own copy of its modules, in a package with a unique name: `blocks.py` becomes the module
`fashion_tui_custom_model_7.blocks`. The built-in function `__import__` is replaced only for code in the model's
modules, so that `import blocks` finds this module there. Files of the same name in two models therefore don't conflict
with each other, or with an installed package of that name.
"""

import builtins
import importlib
import itertools
import linecache
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from torch import nn

from .custom import MODULE_PREFIX, explain_error
from .source_files import FoundModule, Parts, SourceFiles, find_module, first_name, folder_of_import

MAX_IDLE = 4
"""Maximum number of models whose modules stay in `sys.modules` after `load_modules` has ended."""

_numbers = itertools.count(1)
_loaded: dict[str, "ModelModules"] = {}
"""The models whose modules are in `sys.modules`, keyed by package name, the newest last."""
_lock = threading.Lock()
"""Held while `_loaded` is changed."""


class ModelModules:
    """The modules of a custom model. They are loaded when they are first imported."""

    def __init__(self, files: SourceFiles) -> None:
        self.files = files
        self.package = f"{MODULE_PREFIX}{next(_numbers)}"
        """Name of the package that contains the modules."""
        self.in_use = True
        """Whether the `with` block of `load_modules` is still active."""
        self.on_load: Callable[[], Callable[[str], None] | None] = lambda: None
        """Function that returns a callback or None. After each module is executed, the callback is called with its
        name."""
        self._executed: dict[str, ModuleType] = {}
        """The executed modules, keyed by their names in the package."""
        self._network: weakref.ref[nn.Module] | None = None
        self._builtins = {**vars(builtins), "__import__": self._import}
        self._folders: dict[str, Parts | None] = {}
        """Results of `folder_of_import`, keyed by the name of the module."""
        self._unloaded: dict[str, ModuleType] = {}
        """The modules that were removed from `sys.modules`."""

    @property
    def main(self) -> ModuleType:
        """The module of the model's own file."""
        return self._executed[self._main_name]

    @property
    def network(self) -> nn.Module | None:
        """The network that was built, as long as it exists."""
        return None if self._network is None else self._network()

    @network.setter
    def network(self, network: nn.Module) -> None:
        self._network = weakref.ref(network)

    def load(self) -> None:
        """Execute the model's own file. Raises SourceError if that fails.

        If the file imports from its package, the package's `__init__.py` is executed first.
        """
        try:
            importlib.import_module(self._full_name(self._main_name))
        except (Exception, SystemExit) as error:
            raise explain_error(error) from error

    def names(self) -> list[str]:
        """Return the sorted names of the modules, such as `blocks`, without the model's own file."""
        return sorted(self._executed.keys() - {self._main_name})

    def namespace(self, name: str) -> dict[str, Any]:
        """Return the global variables of a module. Import it if necessary. An empty name means the model's own file."""
        name = name or self._main_name
        if name not in self._executed:
            self._put_back()
            importlib.import_module(self._full_name(name))
        return vars(self._executed[name])

    def find_spec(self, full_name: str) -> ModuleSpec | None:
        """Return the import spec of a module of the package, or None. Raises UserError if its file can't be read."""
        name = tuple(full_name.split(".")[1:])
        if not name:
            return ModuleSpec(full_name, _SourceLoader(self, "", None), is_package=True)
        if full_name == self._full_name(self._main_name):
            found = FoundModule(self.files.main, self.files.read(self.files.main) or "", is_package=False)
        elif (module := find_module(self.files, name)) is not None:
            found = module
        else:
            return None
        location = None if found.path is None else self.files.location(found.path)
        loader = _SourceLoader(self, found.source, location)
        spec = ModuleSpec(full_name, loader, origin=location, is_package=found.is_package)
        spec.has_location = location is not None
        return spec

    def execute(self, module: ModuleType, source: str, location: str) -> None:
        """Execute the source of a module. Tracebacks and `inspect` show its lines even if the file has changed."""
        linecache.cache[location] = (len(source), None, source.splitlines(keepends=True), location)
        try:
            code = compile(source.encode(), location, "exec", dont_inherit=True)
        except SyntaxError as error:
            error.filename = error.filename or location
            raise
        vars(module)["__builtins__"] = self._builtins
        exec(code, vars(module))  # noqa: S102 - the user's own code
        name = module.__name__.removeprefix(f"{self.package}.")
        self._executed[name] = module
        on_load = self.on_load()
        if on_load is not None:
            on_load(name)

    def unload(self) -> None:
        """Remove the modules from `sys.modules`. If the model's code imports one of them later, they are put back."""
        _loaded.pop(self.package, None)
        self._unloaded |= {name: sys.modules.pop(name) for name in self._in_memory()}

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - as in `builtins.__import__`
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        """Replace the built-in function `__import__` in the model's modules. The arguments are the same."""
        self._put_back()
        top = first_name(name)
        if level == 0 and top not in self._folders:
            self._folders[top] = folder_of_import(self.files, top)
        folder = self._folders.get(top) if level == 0 else None
        if folder is None:
            return builtins.__import__(name, globals, locals, fromlist, level)
        module = importlib.import_module(self._full_name(".".join((*folder, name))))
        if not fromlist:
            return sys.modules[self._full_name(".".join((*folder, top)))]
        return builtins.__import__(module.__name__, globals, locals, fromlist, 0)

    def _put_back(self) -> None:
        if self._unloaded:
            with _lock:
                _loaded[self.package] = self
                sys.modules.update(self._unloaded)
                self._unloaded = {}

    def _in_memory(self) -> list[str]:
        return [name for name in list(sys.modules) if first_name(name) == self.package]

    @property
    def _main_name(self) -> str:
        return self.files.main.removesuffix(".py").replace("/", ".")

    def _full_name(self, name: str) -> str:
        return f"{self.package}.{name}"


@contextmanager
def load_modules(files: SourceFiles) -> Iterator[ModelModules]:
    """Execute a custom model's own file, and yield the model's modules. Raises SourceError if that fails.

    The modules stay in `sys.modules` as long as `ModelModules.network` exists, but at most until MAX_IDLE other models
    are loaded. After that, the network can still be used, but `sys.modules[type(network).__module__]` is missing.
    """
    modules = ModelModules(files)
    with _lock:
        _unload_old()
        _loaded[modules.package] = modules
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    try:
        modules.load()
        yield modules
    finally:
        modules.in_use = False


def modules_of(network: nn.Module) -> ModelModules | None:
    """Return the modules of a network that was built recently, or None if it isn't a custom model."""
    with _lock:
        return next((modules for modules in reversed(_loaded.values()) if modules.network is network), None)


def _unload_old() -> None:
    """Unload the models whose networks no longer exist. Of the others, keep only the newest MAX_IDLE."""
    idle = [modules for modules in _loaded.values() if not modules.in_use]
    existing = [modules for modules in idle if modules.network is not None]
    for modules in idle:
        if modules not in existing[-MAX_IDLE:]:
            modules.unload()


class _SourceLoader(Loader):
    """Executes one module of a model. Without a location, the module is an empty package."""

    def __init__(self, modules: ModelModules, source: str, location: str | None) -> None:
        self._modules = modules
        self._source = source
        self._location = location

    def create_module(self, _spec: ModuleSpec) -> None:
        """Return None, so that Python creates the module."""

    def exec_module(self, module: ModuleType) -> None:
        if self._location is not None:
            self._modules.execute(module, self._source, self._location)


class _Finder(MetaPathFinder):
    """Finds the modules of all loaded models."""

    def find_spec(self, fullname: str, _path: object, _target: ModuleType | None = None, /) -> ModuleSpec | None:
        modules = _loaded.get(first_name(fullname))
        return None if modules is None else modules.find_spec(fullname)


_finder = _Finder()
