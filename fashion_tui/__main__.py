"""`python -m fashion_tui` is the same as `fashion-tui`."""

from fashion_tui.cli import main

if __name__ == "__main__":
    main()
