"""Judging steps with a chat model: one protocol a file, each a way of asking and of reading the answer."""

from prm_gym.chain_verifier import Judgement, unjudged
from prm_gym.judging.protocol import Ask, Protocol

__all__ = ["Ask", "Judgement", "Protocol", "unjudged"]
