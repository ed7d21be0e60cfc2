"""Chat models behind an OpenAI-compatible endpoint: whole batches of requests in, replies or reasons out."""

from prm_gym.chat.exchange import ChatFailure, ChatReply, ChatRequest, ChatResult, Message, TokenLogprob, Usage

__all__ = ["ChatFailure", "ChatReply", "ChatRequest", "ChatResult", "Message", "TokenLogprob", "Usage"]
