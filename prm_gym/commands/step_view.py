"""What `play` shows of a step: its verdicts, its reward, the sum so far, and the state that it led to; in colours on a terminal, or as JSON."""

import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from prm_gym.verdict import Verdict

_COLOURS = {"correct": "32", "incorrect": "31", "malformed": "31", "trivial": "33", "vacuous": "33", "neutral": "33"}
_UNSURE, _FAILED, _SOFT, _BOLD = "33", "35", "2", "1"
STATE_LETTERS = 12


class StepView:
    """Shows one step after the other of an episode."""

    def __init__(self, as_json: bool = False, colours: bool | None = None) -> None:
        """Choose the form.

        Args:
            as_json: a line of JSON a step, and nothing else.
            colours: whether the text is coloured; None where standard output is a terminal.
        """
        self.as_json = as_json
        self.colours = sys.stdout.isatty() if colours is None else colours
        self.steps, self.total = 0, 0.0

    def say(self, text: str) -> None:
        """Print a text for a person; none where JSON is wanted."""
        if not self.as_json:
            print(text)

    def begun(self, instructions: str, observation: str, info: Mapping[str, Any]) -> None:
        """Show what the task asks for; as JSON, with what is seen first."""
        if self.as_json:
            self._print({"step": 0, "instructions": instructions, "observation": observation, "actions": info["actions"], "state_key": info["state_key"]})
        else:
            print(instructions)

    def _print(self, record: Mapping[str, Any]) -> None:
        print(msgspec.json.encode(record).decode(), flush=True)

    def taken(self, action: str, observation: str, reward: float, info: Mapping[str, Any], over: bool) -> None:
        """Show a step.

        Args:
            action: that was taken.
            observation: what is seen after it; text leaves it to whoever asks for the next step.
            reward: that it earned.
            info: of the step.
            over: whether the episode is.
        """
        self.steps, self.total = self.steps + 1, self.total + float(reward)
        verdicts: Mapping[str, Verdict] = info["verdicts"]
        if self.as_json:
            self._print(
                {
                    "step": self.steps, "action": action, "observation": observation, "reward": float(reward), "total": self.total, "verdicts": verdicts,
                    "state_key": info["state_key"], "actions": info["actions"], "over": over, "outcome": info["outcome"], "valid": info["valid"],
                }
            )  # fmt: skip
            return
        for line in verdict_lines(verdicts, self._painted):
            print(line)
        print(f"  reward {reward:+.3f}, {self.total:+.3f} in {self.steps} step{'' if self.steps == 1 else 's'}" + self._state(info["state_key"]))
        if over:
            outcome = info["outcome"]
            said = "unknown: the episode was cut" if outcome is None else f"{outcome}"
            solved = _SOFT if outcome is None else "32" if outcome >= 0.5 else "31"
            print(f"\n{self._painted('The episode is over.', _BOLD)} Outcome: {self._painted(said, solved)}")

    def _state(self, key: object) -> str:
        return self._painted(f"; state {str(key)[:STATE_LETTERS]}", _SOFT)

    def _painted(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colours and text else text


def verdict_lines(verdicts: Mapping[str, Verdict], paint: Any = None) -> list[str]:
    """The verdicts on a step, a line each.

    Args:
        verdicts: by the verifier's id.
        paint: colours a text, given with the colour; None for plain text.
    """
    lines: list[str] = []
    for verdict in verdicts.values():
        score = "-" if verdict.score is None else f"{verdict.score:g}"
        said = f"{verdict.label or verdict.status} ({score})"
        if paint is not None:
            said = paint(said, _COLOURS.get(verdict.label or "", _FAILED if verdict.status in ("error", "timeout") else _UNSURE))
        lines.append(f"  {verdict.verifier}: {said}: {verdict.reason}")
    return lines
