"""The words that the companies of `prm_gym/Tracker-v0` are made of: people, projects, problems, customers, comments."""

import re

FIRST = ("Alma", "Boris", "Chloe", "Dario", "Elin", "Femi", "Gita", "Henk", "Ivo", "Jana", "Kofi", "Lara", "Milan", "Nadia", "Oskar", "Petra")
LAST = ("Arden", "Blom", "Castro", "Dahl", "Ebert", "Falk", "Grant", "Holm", "Iqbal", "Jonsson", "Kral", "Lund", "Moreau", "Novak", "Okafor", "Pires")
PROJECTS = (
    ("KITE", "Kite", "The phone app for couriers."),
    ("HERON", "Heron", "The booking desk of the ferries."),
    ("MOSS", "Moss", "Billing and invoices."),
    ("LARK", "Lark", "Messages to customers."),
    ("FERN", "Fern", "The archive of documents."),
    ("ORBIT", "Orbit", "Planning of routes and shifts."),
    ("PEARL", "Pearl", "The shop of the museum."),
    ("TIDE", "Tide", "Water levels and warnings."),
)
ROLES = ("Reporter", "Developer", "Maintainer")
PRIORITIES = ("Low", "Normal", "High", "Urgent")
STAGES = ("Backlog", "In progress", "In review")
REASONS = ("Done", "Duplicate", "Will not be done", "Cannot be reproduced")
LABELS = (
    ("bug", "Something does not work."),
    ("feature", "Something new."),
    ("docs", "What is written about it."),
    ("performance", "It is too slow."),
    ("security", "It can be misused."),
    ("layout", "How it looks."),
    ("regression", "It worked before."),
    ("accessibility", "Somebody cannot use it."),
)
SPARE_LABELS = ("old api", "to be discussed", "from the survey", "beta users")
NEW_LABELS = ("needs tests", "quick win", "waiting for customer", "offline mode", "translation", "good first issue", "legal")
COMPONENTS = (
    *("export", "login", "search", "upload", "calendar", "invoice list", "address form", "receipt", "timeline", "map view", "settings page", "import"),
    *("reminder", "price table", "print view", "password reset"),
)
PROBLEMS = (  # two ways to report each
    ("The {c} fails on empty files", "Empty files break the {c}"),
    ("The {c} shows yesterday's date", "Wrong day in the {c}"),
    ("The {c} is slow with many rows", "With many rows the {c} takes minutes"),
    ("The {c} loses umlauts in names", "Names with umlauts are garbled by the {c}"),
    ("The {c} ignores the time zone", "Times in the {c} are off by hours"),
    ("The {c} cannot be used with the keyboard", "No keyboard access to the {c}"),
    ("The {c} prints every page twice", "Everything comes out twice from the {c}"),
    ("The {c} forgets the last choice", "Last choice is not kept by the {c}"),
    ("The {c} stops after a lost connection", "A lost connection kills the {c}"),
    ("The {c} rounds amounts wrongly", "Cents are missing in the {c}"),
    ("The {c} needs a dark theme", "Dark colours for the {c}"),
    ("The {c} should say what went wrong", "Better error texts in the {c}"),
)
NEW_TITLES = (
    *("The login page shows a blank screen", "Add a button to copy the address", "The map does not load on old phones", "Send a receipt after each payment"),
    *(
        "The footer names the wrong year",
        "Sort customers by town",
        "The help text has a broken link",
        "Warn before a session ends",
        "Show the time of the last sync",
    ),
    *("Allow two addresses for a customer", "The logo is blurred in print", "Round totals to five cents"),
)
NEW_DESCRIPTIONS = (
    *("It happens on every second try.", "A customer asked for it on the phone.", "See the notes of the Monday meeting.", "It was fine in the last version."),
    *("It is easy to repeat with a new account.", "Two customers wrote about it this week.", "Only the German texts are concerned."),
)
CUSTOMERS_FIRST = (
    "Oak Street",
    "Harbour",
    "Lindgren",
    "Silver Lane",
    "Northgate",
    "Mill Road",
    "Bluebell",
    "Castle Hill",
    "Riverside",
    "Old Town",
    "Elm Court",
    "Sunrise",
)
CUSTOMERS_LAST = ("Dental", "Bakery", "Books", "Cycles", "Florists", "Opticians", "Pharmacy", "Joinery")
SYSTEMS = ("on the phone", "in the browser", "on tablets", "in the office network", "with a slow connection", "after an update")
REMARKS = (
    *(
        "I can see it too.",
        "Not on my machine.",
        "We should talk about this on Monday.",
        "The customer has asked again.",
        "There is a draft of a fix.",
        "Thanks for the report.",
    ),
    *(
        "This needs a test first.",
        "I had a look at the logs, nothing there.",
        "It also happens with two rows.",
        "Let us wait for the next version.",
        "Which version do you use?",
    ),
    *("It began after the move to the new server.", "A screenshot would help.", "The fix was wrong, I took it back."),
)
NEW_COMMENTS = (
    *(
        "The fix is in the next build.",
        "Please try again with a new account.",
        "I have asked the customer for the log.",
        "This can wait until after the release.",
    ),
    *("The test is written, the fix follows.", "Two more customers see this.", "We agreed on the second proposal.", "Reviewed, one small question is left."),
    *("The numbers are right again since this morning.", "I cannot see it any more."),
)
TOPICS = ("Backups", "Certificates", "Load tests", "Style guide", "Holidays", "Customer visits", "Logging", "Feature switches", "Data protection")
SECTIONS = ("Who to ask", "Open points", "Known limits", "History", "Checklist", "Contacts")
LINES = (
    *(
        "Ask in the team channel before you change anything here.",
        "The list is checked on the first Monday of each month.",
        "Everything here is run twice a day.",
    ),
    *("Old entries are removed after ninety days.", "The office in the second floor keeps the printed copy.", "New people read this page in their first week."),
    *("The numbers are from the last load test.", "Nothing here may be sent to customers.", "Changes are announced one day before."),
)
SERVICES = ("gateway", "worker", "mailer", "cache", "reports", "search index", "billing", "archive")
STEPS = (
    *(
        "Tell the team channel",
        "Run the tests",
        "Tag the version",
        "Build the image",
        "Copy the database",
        "Switch the traffic over",
        "Watch the error rate for ten minutes",
    ),
    *("Close the milestone", "Write the release notes", "Stop the worker", "Clear the cache", "Start the worker again"),
)


def slug(text: str) -> str:
    """A text as a part of an address: lower case letters, digits, "." and "-"."""
    return re.sub(r"[^a-z0-9.]+", "-", text.casefold()).strip("-.")[:60]
