"""Find the code that creates a network's layers, parameters and buffers."""

import ast
from collections.abc import Iterator, Sequence

from torch import nn

from .products import rewrite_product
from .sizes import CREATING
from .source import Edit, Source, call_name

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def find_constructor(source: Source, path: str) -> ast.Call | None:
    """Return the call that creates the module at a path, or None if it isn't found."""
    parent_path, _, name = path.rpartition(".")
    parent, module = _module(source, parent_path), _module(source, path)
    if parent is None or module is None:
        return None
    if not isinstance(parent, _CONTAINERS):
        return _call_of(_assigned_value(source, parent, name), type(module).__name__)
    container = _container(source, parent, parent_path)
    index = [*parent._modules].index(name)  # noqa: SLF001 - the names in order
    item = None if container is None else _item(container, index)
    return item if isinstance(item, ast.Call) and call_name(item) == type(module).__name__ else None


def edits_of_argument(
    source: Source, path: str, position: int | None, name: str, value: object
) -> Iterator[Edit | None]:
    """Yield the edits that set an argument of the call that creates a module.

    If the argument is a parameter of the parent module's class, the first edit is that of the call that creates the
    parent, such as `Block(8, 16)`.
    """
    call = find_constructor(source, path)
    if call is None:
        return
    given = source.argument(call, position, name)
    parent_path = path.rpartition(".")[0]
    if isinstance(given, ast.Name) and parent_path:
        function = next((item for item in source.nodes(kind=ast.FunctionDef) if _contains(item, call)), None)
        names = [] if function is None else [argument.arg for argument in function.args.args]
        if given.id in names:
            yield from edits_of_argument(source, parent_path, names.index(given.id) - 1, given.id, value)
    old = getattr(_module(source, path), name, None)
    product = rewrite_product(source, given, old, value) if given and type(old) is type(value) is int else None
    yield source.set_argument(call, position, name, product or value)


def find_creation(source: Source, name: str) -> ast.Call | None:
    """Return the call that creates a parameter or buffer, such as `torch.zeros(1, 5, 8)`, or None if it isn't found."""
    parent_path, _, short_name = name.rpartition(".")
    parent = _module(source, parent_path)
    value = None if parent is None else _assigned_value(source, parent, short_name)
    calls = [_call_of(value, function) for function in CREATING]
    return next((call for call in calls if call is not None), None)


def sizes_of(creation: ast.Call) -> Sequence[ast.expr]:
    """Return the nodes of the sizes in `torch.zeros(2, 3)` or `torch.zeros((2, 3))`."""
    first = creation.args[0] if creation.args else None
    return first.elts if len(creation.args) == 1 and isinstance(first, ast.Tuple | ast.List) else creation.args


def _module(source: Source, path: str) -> nn.Module | None:
    try:
        return None if source.model is None else source.model.get_submodule(path)
    except AttributeError:
        return None


def _contains(node: ast.AST, inner: ast.AST) -> bool:
    return any(child is inner for child in ast.walk(node))


def _call_of(value: ast.expr | None, name: str) -> ast.Call | None:
    """Return the only call of a class or function in an expression, or None if there isn't exactly one."""
    nodes = ast.walk(value) if value is not None else ()
    calls = [node for node in nodes if isinstance(node, ast.Call) and call_name(node) == name]
    return calls[0] if len(calls) == 1 else None


def _assigned_value(source: Source, parent: nn.Module, name: str) -> ast.expr | None:
    """Return the value that the class of `parent` assigns to `self.name`, or registers as a buffer or parameter.

    A class is searched before its base classes, because a layer may be replaced in the `__init__` of a subclass.
    """
    values = (_value_in(source, scope, name) for scope in _scopes(source, parent))
    return next((value for value in values if value is not None), None)


def _value_in(source: Source, scope: ast.AST, name: str) -> ast.expr | None:
    for assignment in source.nodes(kind=ast.Assign, inside=scope):
        for target in assignment.targets:
            pairs: list[tuple[ast.expr, ast.expr]] = [(target, assignment.value)]
            if isinstance(target, ast.Tuple) and isinstance(assignment.value, ast.Tuple):
                pairs = [*zip(target.elts, assignment.value.elts, strict=False)]
            for one, value in pairs:
                if isinstance(one, ast.Attribute) and one.attr == name:
                    return value
    for call in source.nodes(kind=ast.Call, inside=scope):
        first = call.args[0] if call.args else None
        if call_name(call).startswith("register_") and isinstance(first, ast.Constant) and first.value == name:
            return source.argument(call, 1, "tensor")
    return None


def _scopes(source: Source, module: nn.Module) -> Sequence[ast.AST]:
    """Return the class of a module and its base classes in the file, or the whole file if it defines none of them."""
    names = [cls.__name__ for cls in type(module).__mro__]
    classes = [cls for cls in source.nodes(kind=ast.ClassDef) if cls.name in names]
    return sorted(classes, key=lambda cls: names.index(cls.name)) or [source.tree]


def _container(source: Source, module: nn.Module, path: str) -> ast.Call | None:
    """Return the call whose arguments are the modules of a container."""
    count = len(module._modules)  # noqa: SLF001 - also counts a module that is contained twice
    if type(module) not in _CONTAINERS:  # a subclass calls super().__init__(…)
        calls = [call for call in source.nodes(kind=ast.Call, inside=_scopes(source, module)[0]) if _is_super(call)]
    elif path:
        return find_constructor(source, path)
    else:
        calls = [call for call in source.nodes(kind=ast.Call) if call_name(call) == type(module).__name__]
    calls = [call for call in calls if len(_items(call)) == count]
    return calls[0] if len(calls) == 1 else None


def _is_super(call: ast.Call) -> bool:
    function = call.func
    return isinstance(function, ast.Attribute) and function.attr == "__init__"


def _items(container: ast.Call) -> Sequence[ast.expr]:
    """Return the expressions of the modules that a container is created with."""
    arguments: Sequence[ast.expr] = container.args
    if len(arguments) == 1 and isinstance(arguments[0], ast.Call) and call_name(arguments[0]) == "OrderedDict":
        arguments = arguments[0].args
    if len(arguments) == 1 and isinstance(arguments[0], ast.List | ast.Tuple):
        arguments = arguments[0].elts
    if len(arguments) == 1 and isinstance(arguments[0], ast.Dict):
        arguments = arguments[0].values
    return [item.elts[1] if isinstance(item, ast.Tuple) and len(item.elts) == 2 else item for item in arguments]


def _item(container: ast.Call, index: int) -> ast.expr | None:
    if len(container.args) == 1 and isinstance(container.args[0], ast.ListComp):
        return container.args[0].elt
    items = _items(container)
    if any(isinstance(item, ast.Starred) for item in items[: index + 1]) or index >= len(items):
        return None
    return items[index]
