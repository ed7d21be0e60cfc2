"""Data sets of reasoning-gym behind a wall: entries made and answers scored in killable workers, and no answer reaches a scorer that would run it."""

from prm_gym.procedural.catalogue import REFUSED, SERVED, refuse
from prm_gym.procedural.entries import Entry, Source
from prm_gym.procedural.service import ReasoningGymService, Scored
from prm_gym.procedural.wall import AnswerError, admitted

__all__ = ["REFUSED", "SERVED", "AnswerError", "Entry", "ReasoningGymService", "Scored", "Source", "admitted", "refuse"]
