"""Rich renderables that the commands and the panes share. Knows no torch: it shows what crossed a border."""
