"""The envs of prm_gym; import them as `prm_gym.envs`."""

if __name__ != "prm_gym.envs":
    raise ImportError("import prm_gym.envs: the bare name 'envs' belongs to another package")
