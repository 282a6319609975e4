"""The collector of programs that move many events, looked at in a process of its own."""

import json
import subprocess
import sys

_PROGRAM = """
import gc, json
from maitred.heap import settle
kept = [[] for _ in range(1000)]
settle()
print(json.dumps([gc.get_freeze_count(), len(gc.get_objects()), gc.get_threshold()[0]]))
"""


def test_what_is_there_is_walked_no_more_and_the_young_are_looked_through_rarely() -> None:
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True)

    frozen, walked, threshold = json.loads(ran.stdout)
    assert frozen > 1_000
    assert walked < 100
    assert threshold == 50_000
