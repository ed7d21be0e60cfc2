"""Language models: what policies and reward models share. Import what you need from its modules; they need torch."""
