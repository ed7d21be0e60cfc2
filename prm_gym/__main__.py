"""`python -m prm_gym`: the command line."""

from prm_gym.cli import main

if __name__ == "__main__":
    main()
