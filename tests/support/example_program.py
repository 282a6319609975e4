"""A small real program for tests of the stack: told its port as ours are, it answers as ours do.

Usage: example_program.py PORT_FIELD [stubborn|child|refuses]
"""

import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from maitred.settings import load

SETTINGS = load()
MODELS = {"ready": True, "models": {"clicks": "clicks-0123456789ab", "revenue": None}}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        told = {
            "pid": os.getpid(),
            "state_dir": str(SETTINGS.state_dir),
            "redis_url": SETTINGS.redis_url,
            "kafka_bootstrap": SETTINGS.kafka_bootstrap,
            "admin_key": SETTINGS.admin_key.get_secret_value() if SETTINGS.admin_key else None,
        }
        body = json.dumps(MODELS if self.path == "/readyz" else told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        pass


def main(port_field: str, behaviour: str = "") -> None:
    if behaviour == "refuses":
        sys.exit("no tables laid today")
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if behaviour == "child":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    port = getattr(SETTINGS, port_field)
    ThreadingHTTPServer(("127.0.0.1", port), Answers).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
