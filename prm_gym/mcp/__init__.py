"""Servers of the Model Context Protocol: started and stopped, their tools listed and called, with a hard deadline on everything.

with McpSession(McpServer(command=("python", "-m", "prm_gym.mcp.demo"))) as session:
    session.tools                                    # what they take, as `prm_gym.tools.Tool`
    session.call("list_items", {"shelf": "A"}).text  # what one answered

The package `mcp` (the official SDK, extra `mcp`) is imported when the first session begins.
"""

from prm_gym.mcp.reply import Reply
from prm_gym.mcp.server import McpServer
from prm_gym.mcp.session import McpSession, ServerGoneError, ServerHangsError, require_sdk
from prm_gym.mcp.tool_list import ListedTool

__all__ = ["ListedTool", "McpServer", "McpSession", "Reply", "ServerGoneError", "ServerHangsError", "require_sdk"]
