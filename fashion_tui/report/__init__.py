"""Rich renderables shared by the commands and the panes. They show values of `schema` and never import torch."""
