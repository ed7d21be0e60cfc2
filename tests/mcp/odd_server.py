"""A server that misbehaves, written on the wire without the SDK: `odd_server.py [MODE]`, run as a script."""

import json
import os
import signal
import subprocess
import sys
import time

MODE = sys.argv[1] if len(sys.argv) > 1 else ""
ANY = {"type": "object"}
bumps = []


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def text(words, **more):
    return {"content": [{"type": "text", "text": words}], **more}


def hang():
    time.sleep(600)


def crash():
    sys.stderr.write("I was told to\n")
    sys.stderr.flush()
    os._exit(3)


def garbage():
    sys.stdout.write('no JSON at all\n{"jsonrpc": \n\x00\xff[1,2,3]\n\n{}\n')
    return text("after the garbage")


def bump():
    bumps.append(1)
    return text(str(len(bumps)))


def blocks():
    return {
        "content": [
            {"type": "text", "text": "a picture:"},
            {"type": "image", "data": "QUJDRA==", "mimeType": "image/png"},
            {"type": "audio", "data": "QUJDRA==", "mimeType": "audio/wav"},
            {"type": "resource_link", "uri": "file:///a.txt", "name": "a"},
            {"type": "resource", "resource": {"uri": "file:///b.txt", "text": "inside b"}},
        ]
    }


def ignore_the_end():
    for kind in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(kind, signal.SIG_IGN)
    sys.stdin.close()
    return text(f"{os.getpid()} {children()}")


def children():
    """Starts one in the group and one in a session of its own; both hold the output."""
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    return " ".join(str(subprocess.Popen(sleep, start_new_session=apart).pid) for apart in (False, True))


def kill_the_leash():
    os.kill(os.getppid(), signal.SIGKILL)
    hang()


def nap():
    time.sleep(0.5)
    return bump()


TOOLS = {
    "hang": hang,
    "nap": nap,
    "crash": crash,
    "garbage": garbage,
    "bump": bump,
    "look": lambda: text(str(len(bumps))),
    "clock": lambda: text(str(time.time_ns())),
    "huge": lambda: text("x" * 3_000_000),
    "endless": lambda: sys.stdout.write("y" * 40_000_000) and hang(),
    "blocks": blocks,
    "structured": lambda: {"content": [], "structuredContent": {"b": [1, 2], "a": "ü"}},
    "nothing": lambda: {"content": []},
    "wrong": lambda: text("that cannot be", isError=True),
    "broken": lambda: {"content": "no list"},
    "surrogates": lambda: text("\ud800 and more"),
    "pids": lambda: text(f"{os.getppid()} {os.getpid()}"),
    "deaf": ignore_the_end,
    "children": lambda: text(children()),
    "unleash": kill_the_leash,
    "odd.name/with spaces": lambda: text("odd"),
    "odd_name_with_spaces": lambda: text("even"),
    "strict": lambda: text("strict"),
    "bomb": lambda: text("bomb"),
    "unsound": lambda: text("unsound"),
    "environment": lambda: text(os.environ.get("TOKEN", "")),
    "patterned": lambda: text("", structuredContent={"s": "a" * 27 + "b"}),
    "giant": lambda: text("giant"),
    "refuse": None,
}
STRICT = {
    "type": "object",
    "properties": {
        "n": {"$ref": "#/$defs/n"},
        "s": {"type": "string", "pattern": "^(a+)+$"},
        "r": {"$ref": "http://127.0.0.1:9/x.json"},
        "u": {"uniqueItems": True},
    },
    "required": ["n"],
    "$defs": {"n": {"type": "integer", "minimum": 1}},
}
# Each definition holds the next one twice: 2^30 nodes, written out.
BOMB = {"type": "object", "allOf": [{"$ref": "#/$defs/d0"}], "$defs": {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(30)}}
GIANT = {"type": "object", "properties": {f"p{i}": {"type": "string", "minLength": 1} for i in range(40_000)}}
PATTERNED = {"type": "object", "properties": {"s": {"type": "string", "pattern": "^(a+)+$"}}}
SCHEMAS = {
    "strict": STRICT,
    "giant": GIANT if MODE == "giant" else ANY,
    "bomb": BOMB,
    "unsound": {"type": "object", "properties": {"x": {"type": 7, "$ref": "#/properties/x"}}},
}


def listed(cursor):
    place = int(cursor or 0)
    names = list(TOOLS)[place : place + 5]
    more = {"look": {"annotations": {"readOnlyHint": True}}, "patterned": {"outputSchema": PATTERNED}}
    tools = [{"name": name, "inputSchema": SCHEMAS.get(name, ANY), **more.get(name, {})} for name in names]
    return {"tools": tools, **({"nextCursor": str(place + 5)} if place + 5 < len(TOOLS) else {})}


def answered(method, params):
    if method == "initialize":
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "odd", "version": "1"}}
    if method == "tools/list":
        return listed(params.get("cursor"))
    if method == "tools/call" and params["name"] in TOOLS:
        return TOOLS[params["name"]]()
    return None


def main():
    if MODE == "mute":
        hang()
    if MODE == "dead":
        sys.stderr.write("no licence found\n")
        sys.exit(1)
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        given = message.get("params") or {}
        if message["method"] == "tools/call" and given["name"] == "refuse":
            say({"jsonrpc": "2.0", "id": message["id"], "error": {"code": given["arguments"]["code"], "message": "Connection closed"}})
            continue
        result = answered(message["method"], given)
        reply = {"result": result} if result is not None else {"error": {"code": -32601, "message": f"no method {message['method']}"}}
        say({"jsonrpc": "2.0", "id": message["id"], **reply})
        if sys.stdin.closed:
            hang()


main()
