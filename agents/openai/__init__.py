"""`openai`: a chat model behind any OpenAI-compatible endpoint as an agent."""

from prm_gym.agents.openai.agent import OpenAIAgent

__all__ = ["OpenAIAgent"]
