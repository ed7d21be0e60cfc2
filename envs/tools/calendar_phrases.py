"""What the script of `prm_gym/Calendar-v0` says."""

ASK_ELSE = "That is settled. Is there anything else?"


def ask_move(event: str, day: str, start: str) -> str:
    """The message that asks for a yes to another time."""
    return f"You have not organized the meeting {event}. May I move it to {day}, {start}?"


def ask_cancel(event: str) -> str:
    """The message that asks for a yes to a cancellation."""
    return f"You have not organized the meeting {event}. May I cancel it?"


def refusal(number: str) -> str:
    """The message that refuses."""
    return f"I am sorry, I cannot do that ({number}): our policy forbids it."


def statement(time: str) -> str:
    """The message that tells a time."""
    return f"It begins at {time}."
