"""The training loop: takes a model, a loss and items, and knows no other room."""
