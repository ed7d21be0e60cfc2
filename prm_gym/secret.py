"""Keys and passwords that are not written down."""


class Secret:
    """A text that is not shown: neither its representation nor what is stored holds it. It can be pickled, for worker processes."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Hold the text."""
        self._value = value

    def reveal(self) -> str:
        """The text."""
        return self._value

    def __repr__(self) -> str:
        return "'***'"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)
