"""Names in little room."""


def short_class(name: str, width: int) -> str:
    """As much of a class's name as there is room for: of `T-shirt/top` `T-shirt`, of `Ankle boot` `Boot`, or cut."""
    if len(name) <= width:
        return name
    shorter = name.partition("/")[0].rpartition(" ")[2]
    return (shorter[:1].upper() + shorter[1:])[: max(width, 0)]
