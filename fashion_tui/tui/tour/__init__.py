"""The tour: five short chapters in which the user presses the keys. Each step is checked by its effect on the app."""
