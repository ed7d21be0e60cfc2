"""The verifiers of prm_gym; import them as `prm_gym.verifiers`.

`prm_gym.verifier.verify_claims` runs one of them over claims, without an environment.
"""

if __name__ != "prm_gym.verifiers":
    raise ImportError("import prm_gym.verifiers: the bare name 'verifiers' belongs to another package")
