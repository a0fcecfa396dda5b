"""The data and the people of the demo."""
