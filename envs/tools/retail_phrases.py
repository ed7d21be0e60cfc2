"""What the script of `prm_gym/Retail-v0` says."""

from collections.abc import Callable
from typing import Any

from prm_gym.envs.tools.retail_shop import money
from prm_gym.tools import call_text

ASK_WHO = "Welcome. May I have your e-mail address, or your name and zip code, so that I can find your account?"
ASK_WHAT = "Thank you. What can I do for you?"
ASK_DETAILS = "Could you tell me the details, please?"
ASK_ELSE = "That is settled. Is there anything else?"
TRANSFER = call_text("transfer_to_person", summary="The customer needs a colleague.")


def proposal(tool: str, arguments: dict[str, Any]) -> str:
    """The message that asks for a yes to a call."""
    a = arguments
    said: dict[str, Callable[[], str]] = {
        "cancel_order": lambda: f"cancel the order {a['order_id']} with the reason: {a['reason']}",
        "change_order_address": lambda: f"change the address of the order {a['order_id']} to {a['street']}, {a['city']}, {a['zip']}",
        "change_order_payment": lambda: f"change the payment of the order {a['order_id']} to {a['payment_id']}",
        "change_order_items": lambda: f"change {a['line_ids'][0]} of the order {a['order_id']} to {a['variant_ids'][0]}, the difference on {a['payment_id']}",
        "exchange_items": lambda: f"exchange {a['line_ids'][0]} of the order {a['order_id']} for {a['variant_ids'][0]}, the difference on {a['payment_id']}",
        "return_items": lambda: f"request the return of {', '.join(a['line_ids'])} of the order {a['order_id']}, the refund on {a['payment_id']}",
        "change_home_address": lambda: f"change your home address to {a['street']}, {a['city']}, {a['zip']}",
    }
    return f"I will {said[tool]()}. Do you confirm this?"


def refusal(order: str) -> str:
    """The message that refuses."""
    return f"I am sorry, I cannot do that for the order {order}: our policy forbids it." if order else "I am sorry, I cannot do that: our policy forbids it."


def statement(order: str, amount: int) -> str:
    """The message that tells an amount."""
    return f"The total of the order {order} is {money(amount)}."
