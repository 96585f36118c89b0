"""Names from files that anyone may have written, in the columns of a table."""


def shown(name: str) -> str:
    """The name without what moves a cursor or breaks a line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


def ending(name: str, width: int) -> str:
    """At most ``width`` characters of a name; its end tells more than its beginning."""
    name = shown(name)
    return name if len(name) <= width else f"…{name[1 - width :]}"


def node(title: str, width: int) -> str:
    """The name in "Conv 'name'", as the provider titles nodes."""
    op, quote, rest = title.partition("'")
    name = rest.removesuffix("'") if quote else title
    return without_op(name, op.rstrip(), width)


def without_op(name: str, op: str, width: int) -> str:
    """A node's name; PyTorch ends each with the operation, for which long ones have no room."""
    return ending(name.removesuffix(f"/{op}") if len(name) > width else name, width)
