"""Exit with 0 if the server in this container answers, else with one line.

Any answer below 500 will do: a control plane that has a token refuses this request, which has none.
"""

import http.client
import os
import sys

port = int(os.environ["PORT"])
server = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
try:
    server.request("GET", "/__admin/health")
    status = server.getresponse().status
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"127.0.0.1:{port} does not answer: {error}")
if status >= 500:  # noqa: PLR2004 - server errors
    sys.exit(f"127.0.0.1:{port} answers {status}")
