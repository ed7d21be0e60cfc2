"""Values kept by the identity of what they were made of."""

from typing import Any, Generic, TypeVar

Made = TypeVar("Made")


class ByIdentity(Generic[Made]):
    """Values by the object that they were made of, and by what else they depend on.

    Looking an object up by its identity costs the same however large it is. The objects are held, so none of them gives its identity to another.
    """

    def __init__(self, most: int) -> None:
        """Begin without any.

        Args:
            most: how many are kept; the oldest go first.
        """
        self._most = most
        self._kept: dict[Any, tuple[object, Made]] = {}

    def get(self, source: object, *rest: Any) -> Made | None:
        """The value that was put; None where there is none."""
        found = self._kept.get((id(source), *rest))
        return None if found is None else found[1]

    def put(self, value: Made, source: object, *rest: Any) -> Made:
        """Keep a value."""
        if len(self._kept) >= self._most:
            for oldest in list(self._kept)[: self._most // 8]:
                self._kept.pop(oldest, None)
        self._kept[id(source), *rest] = source, value
        return value
