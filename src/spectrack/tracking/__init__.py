"""What trackers share: the two verbs, the table, the loop, and parts that several use."""
