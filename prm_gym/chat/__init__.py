"""Chat models behind an OpenAI-compatible endpoint: whole batches of requests in, replies or reasons out."""

from prm_gym.chat.client import ChatClient
from prm_gym.chat.counters import ChatCounters
from prm_gym.chat.exchange import (
    CallMessage,
    ChatFailure,
    ChatReply,
    ChatRequest,
    ChatResult,
    Message,
    NativeCall,
    ResultMessage,
    TokenLogprob,
    Usage,
)
from prm_gym.chat.settings import ChatSettings

__all__ = [
    "CallMessage",
    "ChatClient",
    "ChatCounters",
    "ChatFailure",
    "ChatReply",
    "ChatRequest",
    "ChatResult",
    "ChatSettings",
    "Message",
    "NativeCall",
    "ResultMessage",
    "TokenLogprob",
    "Usage",
]
