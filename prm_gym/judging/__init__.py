"""Judging steps with a chat model: one protocol a file, each a way of asking and of reading the answer."""

from prm_gym.chain_verifier import Judgement, unjudged
from prm_gym.judging.protocol import PROTOCOLS, Ask, Protocol, make_protocol

__all__ = ["PROTOCOLS", "Ask", "Judgement", "Protocol", "make_protocol", "unjudged"]
