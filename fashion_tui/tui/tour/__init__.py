"""The tour: five short, hands-on chapters. Each step is checked by its effect on the app."""
