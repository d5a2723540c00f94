"""`python -m fashion_tui`: the same as `fashion-tui`."""

from fashion_tui.cli import main

if __name__ == "__main__":
    main()
