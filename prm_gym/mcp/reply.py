"""What a tool answered, as text for an agent."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec


class Reply(msgspec.Struct, frozen=True, gc=False):
    """What a tool answered.

    Attributes:
        text: for the agent; cut and marked where it was too long. Images and other data are described.
        failed: the tool, or the server, says that the call went wrong.
        structured: the answer as a JSON value, where the tool gives one and it is no longer than the text may be.
    """

    text: str
    failed: bool = False
    structured: Any = None


def reply_of(result: Any, longest: int) -> Reply:
    """The reply that a `CallToolResult` of the SDK is.

    Args:
        result: of the call.
        longest: characters that are kept.
    """
    structured = result.structured_content
    parts = [_part(block) for block in result.content]
    written = None if structured is None else _json(structured, 4 * longest)
    if not parts and written is not None:
        parts = [written]
    return Reply(cut("\n".join(parts), longest), bool(result.is_error), structured if written is not None and len(written) <= longest else None)


def cut(text: str, longest: int) -> str:
    """A text of that length at most, and a mark behind it where something is left out.

    >>> cut("abcdef", 3)
    'abc ... (cut: 3 of 6 characters are shown)'
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= longest else f"{text[:longest]} ... (cut: {longest:,} of {len(text):,} characters are shown)"


def _part(block: Any) -> str:
    """A block of content in words."""
    kind = getattr(block, "type", "")
    if kind == "text":
        return str(block.text)
    if kind in ("image", "audio"):
        return f"({kind}, {block.mime_type}, {_bytes(block.data)})"
    if kind == "resource_link":
        return f"(link to {block.uri}: {block.name})"
    if kind == "resource":
        inner = block.resource
        text = getattr(inner, "text", None)
        return str(text) if text is not None else f"(resource {inner.uri}, {inner.mime_type}, {_bytes(getattr(inner, 'blob', ''))})"
    return f"(content of the kind {kind or type(block).__name__})"


def _bytes(encoded: object) -> str:
    return f"{len(str(encoded)) * 3 // 4:,} bytes"


def _json(value: Any, longest: int) -> str | None:
    """The value as JSON; None where it is nested too deeply. What is longer than `longest` is not wanted."""
    try:
        return _up_to(json.JSONEncoder(ensure_ascii=False, sort_keys=True).iterencode(value), longest)
    except (RecursionError, ValueError, TypeError):
        return None


def _up_to(pieces: Iterable[str], longest: int) -> str:
    found: list[str] = []
    length = 0
    for piece in pieces:
        found.append(piece)
        length += len(piece)
        if length > longest:
            break
    return "".join(found)
