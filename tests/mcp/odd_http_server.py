"""A server over HTTP that misbehaves: `odd_http_server.py MODE`, run as a script; it prints its port."""

import contextlib
import gzip
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODE = sys.argv[1]
FIRST = {"capabilities": {"tools": {}}, "serverInfo": {"name": "odd", "version": "1"}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def give(self, body=b"", status=200, kind="application/json", **headers):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.give(status=405)

    def do_DELETE(self):
        self.do_GET()

    def flood(self, kind, start):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(start)
            for _ in range(400):
                self.wfile.write(b"A" * 1_000_000)
        self.close_connection = True

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            result = {**FIRST, "protocolVersion": message["params"]["protocolVersion"]}
            self.give(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode(), Mcp_Session_Id="s1")
        elif method == "tools/list":
            self.give(json.dumps({"jsonrpc": "2.0", "id": number, "result": {"tools": [{"name": "ping", "inputSchema": {"type": "object"}}]}}).encode())
        elif method != "tools/call":
            self.give(status=202)
        else:
            self.call(number)

    def call(self, number):
        answer = json.dumps({"jsonrpc": "2.0", "id": number, "result": {"content": [{"type": "text", "text": "pong"}]}}).encode()
        refusal = json.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": -32000, "message": "Connection closed"}}).encode()
        {
            "500": lambda: self.give(status=500),
            "404": lambda: self.give(status=404),
            "html": lambda: self.give(b"<html>", kind="text/html"),
            "redirect": lambda: self.give(status=307, Location="http://127.0.0.1:9/x"),
            "nonsense": lambda: self.give(b'{"a": 1}'),
            "accepted": lambda: self.give(status=202),
            "dry": lambda: self.give(b": nothing\n\n", kind="text/event-stream"),
            "packed": lambda: self.give(gzip.compress(answer), Content_Encoding="gzip"),
            "crash": lambda: os._exit(1),
            "session": lambda: self.give(refusal, status=404),
            "refused": lambda: self.give(refusal),
            "refused-400": lambda: self.give(refusal, status=400),
            "refused-events": lambda: self.give(b"data: " + refusal + b"\n\n", kind="text/event-stream"),
            "large": lambda: self.flood("application/json", b'{"jsonrpc": "2.0", "x": "'),
            "large-events": lambda: self.flood("text/event-stream", b"data: "),
        }[MODE]()


with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
