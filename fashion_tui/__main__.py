"""`python -m fashion_tui` is the same as `fashion-tui`."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # files in the working directory would shadow installed modules

    from fashion_tui.cli import main

    main()
