"""A small RTS learned here, and the drawing of what it does."""
