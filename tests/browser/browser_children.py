"""What a child process does with a browser of its own; a module of its own, so that a spawned process finds it by its name."""

from prm_gym.browser import browser_pool


def open_a_page(options, url, queue):
    """Tell the name of the first item of a page."""
    with browser_pool(options).open() as page:
        queue.put(page.open(url).items[0].name)
    browser_pool(options).close()
