"""Folders of saved agents: which agent lies there and with which options, so that the folder alone names it.

    make_agent("runs/first/agent")     prm-gym rollout --agent runs/first/agent

`agent.json` says it: {"id": "candidate", "options": {"width": 64, ...}, "version": "0.1.0"}. Agents write it in `save`, by `describe`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from prm_gym._version import VERSION
from prm_gym.errors import CheckpointError
from prm_gym.store import write_json

FILE = "agent.json"


class SavedAgent(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder says of the agent in it.

    Attributes:
        id: name of the agent, as registered.
        options: keyword options that it was made with. JSON values.
        version: of the library that wrote it; "" where it does not say.
        folder: of it.
    """

    id: str
    options: dict[str, Any] = {}
    version: str = ""
    folder: Path = Path()

    def with_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options of the agent, with others over them; of one that is a mapping (`learning`), entry by entry."""
        merged = {**self.options, **given}
        for name, value in given.items():
            before = self.options.get(name)
            if isinstance(before, dict) and isinstance(value, Mapping):
                merged[name] = {**before, **value}
        return merged


def describe(directory: Path, name: str, options: Mapping[str, Any]) -> None:
    """Write which agent lies in a folder.

    Args:
        directory: of the saved agent.
        name: of the agent, as registered.
        options: keyword options that make one into which it can be loaded. JSON values.
    """
    write_json(directory / FILE, {"id": name, "options": dict(options), "version": VERSION})


def saved_agent(path: str) -> SavedAgent | None:
    """What lies under a path; None for a text that is no path.

    Raises:
        CheckpointError: it is a path, and no agent lies there; says where one does.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        # What follows a colon is the argument of an agent: "causal-lm:ORGANISATION/MODEL", misspelt, is no path.
        if path.startswith(("~", ".")) or "/" in path.partition(":")[0]:
            raise CheckpointError(f"there is no folder {path!r} with a saved agent. An agent is a name, as 'random' or 'causal-lm:MODEL', or such a folder")
        return None
    file = folder / FILE
    if not file.is_file():
        within = next((each for each in [folder / "agent", *sorted(folder.glob("checkpoint-*"))] if (each / FILE).is_file()), None)
        hint = f"{within} does" if within else "a model of Hugging Face is named 'causal-lm:FOLDER'"
        raise CheckpointError(f"{path} holds no saved agent (no {FILE}); {hint}")
    try:
        found = msgspec.json.decode(file.read_bytes(), type=SavedAgent)
    except msgspec.DecodeError as error:
        raise CheckpointError(f"{file} does not say which agent lies there: {error}") from error
    return msgspec.structs.replace(found, folder=folder)
