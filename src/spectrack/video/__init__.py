"""Video in and out: readers, mask folders, drawing, writers. Knows files, never networks."""
