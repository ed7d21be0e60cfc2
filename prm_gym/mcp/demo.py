"""A small server for trying out, and for tests: a storeroom in a database in memory.

python -m prm_gym.mcp.demo               over standard input and output
python -m prm_gym.mcp.demo --port 8321   at http://127.0.0.1:8321/mcp (0: a free port, which is printed)
"""

import argparse
import socket
import sqlite3
import sys

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from prm_gym.mcp.stock import SHELVES, stock

_READS = ToolAnnotations(read_only_hint=True)


class Storeroom:
    """Items on shelves, in a database."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute("CREATE TABLE items (name TEXT PRIMARY KEY, shelf TEXT NOT NULL, number INTEGER NOT NULL)")
        self.reset(0)

    def reset(self, seed: int) -> str:
        """Put everything back to how it is in the beginning."""
        with self._database:
            self._database.execute("DELETE FROM items")
            self._database.executemany("INSERT INTO items VALUES (?, ?, ?)", stock(seed))
        return "reset"

    def inventory(self) -> list[tuple[str, str, int]]:
        """Name, shelf and number of every item."""
        return self._database.execute("SELECT name, shelf, number FROM items ORDER BY name").fetchall()

    def list_shelves(self) -> str:
        """Names the shelves and says how many items are on each."""
        return "\n".join(f"shelf {shelf}: {sum(held == shelf for _, held, _ in self.inventory())} items" for shelf in SHELVES)

    def list_items(self, shelf: str) -> str:
        """Lists the items of a shelf with their numbers."""
        _known(shelf)
        lines = [f"{name}: {number}" for name, held, number in self.inventory() if held == shelf]
        return "\n".join(lines) or f"shelf {shelf} is empty"

    def find_item(self, item: str) -> str:
        """Says where an item is and how many there are."""
        for name, shelf, number in self.inventory():
            if name == item:
                return f"{name}: {number} on shelf {shelf}"
        raise ToolError(f"there is no item {item[:60]!r}")

    def move_item(self, item: str, shelf: str) -> str:
        """Moves an item to a shelf."""
        self.find_item(item)
        _known(shelf)
        return self._change("UPDATE items SET shelf = ? WHERE name = ?", (shelf, item), f"{item} is on shelf {shelf} now")

    def set_number(self, item: str, number: int) -> str:
        """Sets how many pieces of an item there are."""
        self.find_item(item)
        if not 0 <= number <= 1_000_000:
            raise ToolError("a number is from 0 to 1,000,000")
        return self._change("UPDATE items SET number = ? WHERE name = ?", (number, item), f"there are {number} of {item} now")

    def remove_item(self, item: str) -> str:
        """Throws an item away. It cannot be taken back."""
        self.find_item(item)
        return self._change("DELETE FROM items WHERE name = ?", (item,), f"{item} is gone")

    def _change(self, statement: str, values: tuple[str | int, ...], words: str) -> str:
        with self._database:
            self._database.execute(statement, values)
        return words


def _known(shelf: str) -> None:
    if shelf not in SHELVES:
        raise ToolError(f"there is no shelf {shelf[:60]!r}; there are {', '.join(SHELVES)}")


def storeroom_server() -> MCPServer:
    """The server with a storeroom of its own."""
    room = Storeroom()
    server = MCPServer("storeroom", log_level="ERROR")
    for read in (room.list_shelves, room.list_items, room.find_item, room.inventory):
        server.tool(annotations=_READS)(read)
    for change in (room.move_item, room.set_number, room.remove_item, room.reset):
        server.tool()(change)
    return server


def main() -> None:
    """Serve until the input ends, or the process is ended."""
    parser = argparse.ArgumentParser(description="A storeroom, as a server of the Model Context Protocol.")
    parser.add_argument("--port", type=int, help="serve at http://127.0.0.1:PORT/mcp; 0 for a free port")
    port: int | None = parser.parse_args().port
    server = storeroom_server()
    if port is None:
        server.run()
        return
    if port == 0:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
    sys.stdout.write(f"http://127.0.0.1:{port}/mcp\n")
    sys.stdout.flush()
    server.run("streamable-http", host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
