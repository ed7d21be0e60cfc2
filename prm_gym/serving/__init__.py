"""Environments and verifiers over HTTP: a server, and clients that are again an environment and a verifier.

    prm-gym serve --env prm_gym/Deduction-v0 --verifier z3

    env = gym.make("prm_gym/Remote-v0", url="http://127.0.0.1:8000", env="prm_gym/Deduction-v0")

On the server `offer` says what is served, `sessions` keeps the episodes (each session in a process of its own, `host`), `judges` the verifiers, `application`
the routes; `wire` is what goes to and fro. The client is `client` over `connection`, and needs nothing beside the standard library; the verifier is `remote`.
"""
