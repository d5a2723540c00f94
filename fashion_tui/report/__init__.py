"""Rich renderables shared by the commands and the panes. They show values from `schema` and never import torch."""
