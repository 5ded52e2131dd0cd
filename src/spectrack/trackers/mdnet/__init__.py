"""MDNet: a network learned over many videos, whose last layers learn each target online."""
