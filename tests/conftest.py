"""Settings of all tests."""

import os

# One thread a test process: two runners on two cores would else fight over them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
