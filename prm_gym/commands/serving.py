"""Environments and verifiers for other processes and machines: `serve`."""

import logging
import os
import sys

import msgspec

from prm_gym.commands.records import read_options


def serve(
    env: tuple[str, ...] = (),
    env_option: tuple[str, ...] = (),
    client_option: tuple[str, ...] = (),
    verifier: tuple[str, ...] = (),
    host: str = "127.0.0.1",
    port: int = 8000,
    token_file: str = "",
    sessions: int = 64,
    session_envs: int = 256,
    idle_seconds: float = 900.0,
    request_seconds: float = 60.0,
    verify_seconds: float = 30.0,
    verify_workers: int = 1,
    body_mb: int = 8,
    snapshot_mb: int = 256,
    memory_mb: int = 0,
    solutions: bool = False,
    json: bool = False,
) -> None:
    """Serve environments and verifiers over HTTP, until it is told to end (Ctrl-C, SIGTERM). docs/serving.md says how to use them.

    Nothing but what is named here can be had: no other environment, verifier or option. Beyond the loopback interface a token is needed.

    Args:
        env: ids of the environments.
        env_option: options of the environments that clients cannot change, NAME=VALUE each; one that an environment does not know is not given to it.
        client_option: options that clients may choose: NAME for numbers and truth values, NAME=A,B,C for one of these values.
        verifier: specifications of verifiers that can be asked for verdicts, and chosen for the environments; NAME=SPECIFICATION to name one otherwise.
        host: address to listen on.
        port: to listen on; 0 for any that is free.
        token_file: of tokens, one a line; a request must bear one, and sees the sessions opened with it alone. The variable PRM_GYM_TOKEN holds one too.
        sessions: most that are open at once; each has a process of its own.
        session_envs: most environments of one session.
        idle_seconds: after which a session that nothing is asked of is closed.
        request_seconds: that a request may work before its process is killed and its episodes end as not valid.
        verify_seconds: that a chunk of steps may take of a verifier.
        verify_workers: processes of each verifier.
        body_mb: MiB of the largest request.
        snapshot_mb: MiB of all snapshots together.
        memory_mb: MiB of address space that the process of a session may use beyond what it starts with; 0 for no cap, which a browser needs.
        solutions: tell scripted solutions to clients. They give the answers away.
        json: say where it serves and what as JSON, on one line.
    """
    from prm_gym.secret import Secret
    from prm_gym.serving.connection import TOKEN_VARIABLE, read_tokens
    from prm_gym.serving.offer import Limits, Offer
    from prm_gym.serving.server import Server

    tokens = read_tokens(token_file) if token_file else []
    if os.environ.get(TOKEN_VARIABLE):
        tokens.append(Secret(os.environ[TOKEN_VARIABLE]))
    limits = Limits(
        sessions=sessions,
        session_envs=session_envs,
        idle_seconds=idle_seconds,
        request_seconds=request_seconds,
        verify_seconds=verify_seconds,
        verify_workers=verify_workers,
        body_bytes=body_mb << 20,
        snapshot_bytes=snapshot_mb << 20,
        memory_mb=memory_mb or None,
    )
    offer = Offer.of(
        env,
        env_options=read_options(env_option),
        client_options=client_option,
        verifiers=verifier,
        limits=limits,
        solutions=solutions,
    )
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    server = Server(offer, host=host, port=port, tokens=tokens)
    if json:
        said = {"url": server.url, "environments": list(offer.envs), "verifiers": list(offer.verifiers), "token": bool(tokens)}
        print(msgspec.json.encode(said).decode(), flush=True)
    else:
        print(f"serving {', '.join([*offer.envs, *offer.verifiers])} at {server.url}{' to whoever has a token' if tokens else ''}", flush=True)
    server.run()
