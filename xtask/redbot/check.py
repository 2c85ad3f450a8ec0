"""Has REDbot check one address, and prints what it found as one JSON object.

usage: check.py URL
"""

import json
import sys
from configparser import ConfigParser

import thor
from redbot.resource import HttpResource

config = ConfigParser()
config.read_dict({"redbot": {"enable_local_access": "True"}})
resource = HttpResource(config["redbot"], descend=False)
resource.set_request(sys.argv[1])


def flat(notes):
    for note in notes:
        yield note
        yield from flat(note.subnotes)


@thor.events.on(resource)
def check_done() -> None:
    thor.stop()


resource.check()
thor.run()
linters = {"response": resource.response}
linters.update({name: sub.response for name, sub in resource.subreqs.items()})
notes = [
    {"of": name, "level": str(note.level.value if note.level else ""), "subject": note.subject, "says": str(note.summary)}
    for name, linter in linters.items()
    for note in flat(linter.notes)
]
json.dump(
    {
        "status": resource.response.status_code,
        "complete": resource.response.complete,
        "partial_support": resource.partial_support,
        "inm_support": resource.inm_support,
        "notes": notes,
    },
    sys.stdout,
)
