"""Pages that somebody wrote, in a closed browser: opened, looked at, and tested for how they behave.

from prm_gym.pages import PageRunner

outcomes = PageRunner().run([(html, tests)])[0]      # one PageOutcome a test; None where the browser failed
"""

from prm_gym.pages.matching import described_step, missing, resolved
from prm_gym.pages.running import PageOutcome, PageRunner, no_browser
from prm_gym.pages.serving import ADDRESS, PageServer, page_options, page_server

__all__ = ["ADDRESS", "PageOutcome", "PageRunner", "PageServer", "described_step", "missing", "no_browser", "page_options", "page_server", "resolved"]
