"""A step plugin as a server: it asks a URL a few times, and lets the update go on if every answer is a 200.

python smoke.py 9000        # and the controller with --step-plugin example.com/smoke=http://smoke.tools:9000
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ASK_S_MAX = 5.0
BODY_BYTES_MAX = 4 << 20


def answer(call: dict[str, Any]) -> dict[str, Any]:
    """What to say to one call: nothing has to be undone, so Terminate and Abort are well as they are."""
    if call["operation"] != "Run":
        return {"phase": "Successful"}
    config = call["config"]
    passed = int((call["status"] or {}).get("passed", 0))
    if not str(config["url"]).startswith(("http://", "https://")):
        return {"phase": "Failed", "message": "the url is none of http or https"}
    try:
        with urllib.request.urlopen(config["url"], timeout=ASK_S_MAX):  # noqa: S310 - looked at above
            passed += 1
    except urllib.error.HTTPError as error:
        return {"phase": "Failed", "message": f"{config['url']} answered {error.code}"}
    except OSError as error:  # nobody is there (yet): the controller asks again in half a minute
        return {"phase": "Error", "message": f"{config['url']}: {error}"}
    times = int(config.get("times", 1))
    said = {"message": f"{passed} of {times}", "status": {"passed": passed}}
    if passed >= times:
        return {"phase": "Successful", **said}
    return {"phase": "Running", "requeueAfter": config.get("every", "5s"), **said}


class Handler(BaseHTTPRequestHandler):
    """One call a request: JSON in, JSON out."""

    def do_POST(self) -> None:
        """Read the call, send the answer."""
        length = min(int(self.headers["Content-Length"]), BODY_BYTES_MAX)
        body = json.dumps(answer(json.loads(self.rfile.read(length)))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Handler).serve_forever()
