"""The tour: five short chapters in which the user presses the keys, and each step is checked by what happened."""
