"""Print as JSON what a process can know about itself, then wait for a line on stdin. Used by `test_forking`."""

import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    described = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "leads a session": os.getsid(0) == os.getpid(),
        "arguments": sys.argv[1:],
        "directory": os.getcwd(),  # noqa: PTH109
        "environ": dict(os.environ),
        "command line": Path("/proc/self/cmdline").read_bytes().rstrip(b"\0").decode(),
        "path": sys.path,
        "umask": os.umask(0),
        "descriptors": sorted(int(file.name) for file in Path("/proc/self/fd").iterdir()),
        "encodings": [sys.stdin.encoding, sys.stdout.encoding, sys.stderr.encoding],
    }
    print(json.dumps(described), flush=True)
    sys.stdin.readline()
    sys.exit(7)
