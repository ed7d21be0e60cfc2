"""Questions and clients for the tests, in a module that child processes can import by its name."""

import os

from prm_gym.chat import ChatClient, ChatReply, ChatRequest, ChatSettings, Message


def question(text, **options):
    return ChatRequest(messages=(Message("user", text),), **options)


def questions(count, **options):
    return [question(f"question {at}", **options) for at in range(count)]


def shout(body):
    return body["messages"][-1]["content"].upper()


def client_of(server, **options):
    return ChatClient(ChatSettings(**{"model": "m", "base_url": server.url, "first_wait": 0.01, "longest_wait": 0.05} | options))


def texts(results):
    return [result.text if isinstance(result, ChatReply) else result.kind for result in results]


def ask_in_a_process(url, path, first, count):
    client = ChatClient(ChatSettings(model="m", base_url=url, cache=path, concurrency=4))
    found = client.ask([question(f"question {at}") for at in range(first, first + count)])
    os._exit(0 if all(isinstance(result, ChatReply) for result in found) else 1)
