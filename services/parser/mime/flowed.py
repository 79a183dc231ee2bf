"""format=flowed (RFC 3676): soft-broken lines put together again."""

_SIGNATURE = "-- "


def unflow(text: str, *, delsp: bool = False) -> str:
    """The text with flowed lines joined, quote marks kept as one ``> `` prefix (RFC 3676 sections 4.1 to 4.5).

    ``delsp`` is the DelSp parameter: the blank before a soft break is dropped. Line ends become LF. Lines are joined
    only at the same quote depth and never across the signature separator.
    """
    out: list[str] = []
    flowing: list[str] = []
    flow_depth = 0
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        depth, content = _unquote(line)
        if flowing and (depth != flow_depth or content == _SIGNATURE):
            out.append(_quoted(flow_depth, "".join(flowing).removesuffix(" ")))
            flowing = []
        if content != _SIGNATURE and content.endswith(" "):
            flowing.append(content[:-1] if delsp else content)
            flow_depth = depth
            continue
        out.append(_quoted(depth, "".join([*flowing, content])))
        flowing = []
    if flowing:
        out.append(_quoted(flow_depth, "".join(flowing).removesuffix(" ")))
    return "\n".join(out)


def _unquote(line: str) -> tuple[int, str]:
    """Quote depth, and the line without quote marks and space-stuffing (RFC 3676 section 4.4)."""
    content = line.lstrip(">")
    return len(line) - len(content), content.removeprefix(" ")


def _quoted(depth: int, content: str) -> str:
    return f"{'>' * depth} {content}" if depth else content
