"""The commands. A module is imported only when one of its commands is called."""
