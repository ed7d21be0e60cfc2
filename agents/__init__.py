"""The agents of prm_gym; import them as `prm_gym.agents`."""

if __name__ != "prm_gym.agents":
    raise ImportError("import prm_gym.agents: the bare name 'agents' belongs to another package")
