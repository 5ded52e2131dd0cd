"""Published and learned weights: the table of names, reading them safely, fetching, loading."""
